// Tables with data-rows: j and k move, Enter opens a row's first link; a click on a row opens it too.
export function lists() {
  document.querySelectorAll("table[data-rows]").forEach((table) => {
    table.addEventListener("click", (event) => {
      if (event.target.closest("a, button, input, summary, label, form")) return;
      event.target.closest("tbody tr")?.querySelector("a")?.click();
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "j" && event.key !== "k") return;
    if (event.target.closest?.("input, textarea, select, dialog") || event.ctrlKey || event.metaKey) return;
    const links = [...document.querySelectorAll("table[data-rows] tbody tr")]
      .map((row) => row.querySelector("a")).filter(Boolean);
    if (!links.length) return;
    const now = links.indexOf(document.activeElement);
    const next = event.key === "j" ? Math.min(now + 1, links.length - 1) : Math.max(now - 1, 0);
    links[next].focus();
  });
}
