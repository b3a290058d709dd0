// Light, dark, or as the system has it: kept in a cookie, so that the server draws it at once.
const NEXT = { system: "light", light: "dark", dark: "system" };

export function themes() {
  const root = document.documentElement;
  const button = document.querySelector("[data-switches-theme]");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const chosen = root.dataset.theme;
    root.classList.toggle("dark", chosen === "dark" || (chosen === "system" && system.matches));
    button?.setAttribute("aria-label", `Theme: ${chosen}`);
    button?.setAttribute("title", `Theme: ${chosen}`);
    document.dispatchEvent(new Event("theme"));
  };
  system.addEventListener("change", show);
  button?.addEventListener("click", () => {
    root.dataset.theme = NEXT[root.dataset.theme];
    document.cookie = `gatewayops-theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    show();
  });
  show();
}
