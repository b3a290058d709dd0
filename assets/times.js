// Times come in UTC; they are shown in the viewer's zone, with UTC in the title.
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const time = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const STEPS = [[60, "s"], [3600, "min"], [86400, "h"]];

function ago(at) {
  const seconds = Math.max(0, (Date.now() - at.getTime()) / 1000);
  if (seconds >= 86400) return time.format(at);
  let divisor = 1;
  for (const [limit, unit] of STEPS) {
    if (seconds < limit) return `${Math.floor(seconds / divisor)} ${unit} ago`;
    divisor = limit;
  }
  return time.format(at);
}

export function times(within) {
  for (const one of within.querySelectorAll("time[datetime]:not([data-told])")) {
    const at = new Date(one.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const how = one.dataset.how;
    one.textContent = how === "day" ? one.textContent : how === "ago" ? ago(at) : time.format(at);
    one.dataset.told = "";
  }
}

export { day, time };
