// The command palette (Ctrl or Cmd K), the search field (/), the list of shortcuts (?).
export function palette() {
  const dialog = document.getElementById("palette");
  const text = document.getElementById("palette-text");
  const options = [...dialog.querySelectorAll("[role=option]")];
  let shown = options;
  let at = 0;

  const mark = () => {
    options.forEach((one) => one.setAttribute("aria-selected", "false"));
    if (!shown.length) return text.removeAttribute("aria-activedescendant");
    shown[at].setAttribute("aria-selected", "true");
    shown[at].scrollIntoView({ block: "nearest" });
    text.setAttribute("aria-activedescendant", shown[at].id);
  };
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = options.filter((one) => words.every((word) => one.textContent.toLowerCase().includes(word)));
    options.forEach((one) => { one.hidden = !shown.includes(one); });
    at = 0;
    mark();
  };
  const open = () => { text.value = ""; filter(); dialog.showModal(); text.focus(); };
  const go = () => { if (shown[at]) location.href = shown[at].dataset.href; };

  text.addEventListener("input", filter);
  text.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = (at + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % Math.max(shown.length, 1);
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      go();
    }
  });
  options.forEach((one) => one.addEventListener("click", () => { location.href = one.dataset.href; }));
  document.querySelectorAll('[data-opens="palette"]').forEach((one) => one.addEventListener("click", open));
  for (const one of [dialog, document.getElementById("shortcuts")]) {
    one.addEventListener("click", (event) => { if (event.target === one) one.close(); });
  }
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      return dialog.open ? dialog.close() : open();
    }
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    if (event.key === "/") {
      const field = document.querySelector("main input[type=search]") ?? document.getElementById("find");
      if (field) { event.preventDefault(); field.focus(); }
    } else if (event.key === "?") document.getElementById("shortcuts").showModal();
    return undefined;
  });
}
