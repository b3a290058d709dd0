// Before the first paint: the theme that the person chose, else the system's. Pages that do not know who looks
// at them leave the choice to the cookie.
const root = document.documentElement;
const chosen = root.dataset.theme ?? document.cookie.match(/gatewayops-theme=(\w+)/)?.[1] ?? "system";
const dark = chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
root.classList.toggle("dark", dark);
root.classList.add("scripted");
