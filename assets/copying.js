// Buttons that copy what their data-copies holds.
export function copying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copies);
    const told = document.querySelector(".toasts");
    const line = document.createElement("p");
    line.className = "toast-line";
    line.textContent = "Copied";
    line.dataset.toast = "";
    told.append(line);
    setTimeout(() => line.remove(), 1500);
  });
}
