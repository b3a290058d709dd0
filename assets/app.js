// What every page has: htmx, the viewer's zone in times, theme, palette, shortcuts, copying, toasts.
import "htmx.org/dist/htmx.esm.js";
import { copying } from "./copying.js";
import { lists } from "./lists.js";
import { live } from "./live.js";
import { palette } from "./palette.js";
import { themes } from "./themes.js";
import { times } from "./times.js";
import { toasts } from "./toasts.js";
import { waterfall } from "./waterfall.js";

function ready() {
  times(document);
  themes();
  palette();
  copying();
  lists();
  live();
  toasts();
  waterfall();
  const places = document.getElementById("places");
  const opener = document.querySelector(".open-places");
  opener?.addEventListener("click", () => {
    const open = places.classList.toggle("open");
    opener.setAttribute("aria-expanded", String(open));
  });
  document.querySelectorAll("details.behind[open]").forEach((one) => one.removeAttribute("open"));
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((one) => {
      if (!one.contains(event.target)) one.removeAttribute("open");
    });
  });
  document.querySelectorAll("form[data-filters] select").forEach((one) =>
    one.addEventListener("change", () => one.form.requestSubmit()));
  document.querySelectorAll("form[data-filters]").forEach((form) =>
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
    }));
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-filters] :disabled").forEach((field) => { field.disabled = false; });
  });
}

document.addEventListener("htmx:after:swap", () => times(document));
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
else ready();
