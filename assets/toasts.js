// What the last change said leaves after a while; a click sends it away.
export function toasts() {
  document.querySelectorAll("[data-toast]").forEach((line) => {
    line.addEventListener("click", () => line.remove());
    setTimeout(() => line.remove(), 8000);
  });
}
