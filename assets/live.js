// The last minute's figures from the live feed; where it is refused, the page goes on asking the server.
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const part = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
const ms = (value) => (value === null ? "–"
  : value < 10 ? `${value.toFixed(2)} ms` : value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(2)} s`);
const WRITE = {
  calls_per_s: (value) => part.format(value),
  error_rate: (value) => `${(value * 100).toFixed(2)}%`,
  p50_ms: ms, p95_ms: ms, p99_ms: ms,
};

export function live() {
  const box = document.querySelector("[data-live-feed]");
  if (!box) return;
  const state = box.querySelector("[data-live-state]");
  const tell = (is, text) => {
    box.classList.toggle("is-live", is);
    if (state.textContent !== text) state.textContent = text;
  };
  const feed = new EventSource(box.dataset.liveFeed);
  feed.addEventListener("figures", (event) => {
    const figures = JSON.parse(event.data);
    box.querySelector("[data-live-poll]")?.remove();
    tell(true, "live, all servers and tools");
    box.querySelectorAll("[data-live]").forEach((one) => {
      one.textContent = (WRITE[one.dataset.live] ?? whole.format)(figures[one.dataset.live]);
    });
  });
  feed.addEventListener("unavailable", () => tell(false, "the telemetry store does not answer; asking again"));
  feed.addEventListener("error", () => {
    tell(false, feed.readyState === EventSource.CLOSED ? "refreshed every 10 seconds" : "connecting again");
  });
  window.addEventListener("pagehide", () => feed.close());
}
