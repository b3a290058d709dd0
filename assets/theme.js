// Before the first paint: the theme that the person chose, else the system's.
const root = document.documentElement;
const chosen = root.dataset.theme;
const dark = chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
root.classList.toggle("dark", dark);
root.classList.add("scripted");
