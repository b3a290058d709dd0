// A trace's waterfall as a tree for the keyboard. Rows are drawn as they come into view: there may be 10,000.
import htmx from "htmx.org/dist/htmx.esm.js";

const ROW = 28; // px, as .tree-row is high
const SPARE = 12; // rows drawn beyond what is seen
const STEP = 14; // px a level is set in
const DEEPEST = 14;
const SVG = "http://www.w3.org/2000/svg";

export function waterfall() {
  const place = document.querySelector("[data-waterfall]");
  if (!place) return;
  const head = [...place.querySelectorAll("th.fall-axis span")].map((one) => one.textContent);
  new Tree(place, JSON.parse(place.dataset.waterfall), head, place.dataset.chosen);
}

class Tree {
  constructor(place, spans, ticks, chosen) {
    this.spans = spans;
    this.ids = spans.ids.split(" ");
    this.failed = new Set(spans.failed);
    this.critical = new Set(spans.critical);
    this.folded = new Set();
    this.drawn = new Map();
    this.chosen = this.ids.indexOf(chosen);
    this.active = Math.max(this.chosen, 0);
    this.box = make("div", { class: "tree", role: "treegrid", tabindex: "0", "aria-label": "Spans" });
    this.rows = make("div", { class: "tree-rows", role: "rowgroup" });
    this.box.append(heading(ticks), this.rows);
    place.replaceChildren(this.box);
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.pressed(event));
    this.rows.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.draw()).observe(this.box);
    this.order();
    this.box.scrollTop = (this.active + 2) * ROW - this.box.clientHeight / 2; // the chosen one in the middle
    this.show(this.active);
  }

  hasBelow(row) { return this.spans.depth[row + 1] > this.spans.depth[row]; }

  above(row) {
    let found = row - 1;
    while (found >= 0 && this.spans.depth[found] >= this.spans.depth[row]) found -= 1;
    return found;
  }

  order() { // which rows are there when folded ones hide what is below them
    this.shown = [];
    let limit = Infinity;
    this.spans.depth.forEach((depth, row) => {
      if (depth > limit) return;
      limit = this.folded.has(row) ? depth : Infinity;
      this.shown.push(row);
    });
    this.at = new Map(this.shown.map((row, number) => [row, number]));
    this.rows.style.height = `${this.shown.length * ROW}px`;
    this.box.setAttribute("aria-rowcount", String(this.shown.length + 1));
    this.drawn.forEach((element) => element.remove());
    this.drawn.clear();
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const last = Math.min(this.shown.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + SPARE);
    for (const [row, element] of this.drawn) {
      const number = this.at.get(row);
      if (number < first || number >= last) { element.remove(); this.drawn.delete(row); }
    }
    for (let number = first; number < last; number += 1) {
      const row = this.shown[number];
      if (this.drawn.has(row)) continue;
      const element = this.element(row, number);
      this.drawn.set(row, element);
      this.rows.append(element);
    }
  }

  element(row, number) {
    const { spans } = this;
    const isFailed = this.failed.has(row);
    const isCritical = this.critical.has(row);
    const element = make("div", {
      class: row === this.active ? "tree-row is-active" : "tree-row", role: "row", id: `span-row-${row}`,
      "aria-level": String(spans.depth[row] + 1), "aria-rowindex": String(number + 2),
      "aria-selected": String(row === this.chosen), "data-row": String(row),
    });
    element.style.top = `${number * ROW}px`;
    if (this.hasBelow(row)) element.setAttribute("aria-expanded", String(!this.folded.has(row)));
    const what = make("div", { class: "what", role: "gridcell" });
    what.style.paddingLeft = `${Math.min(spans.depth[row], DEEPEST) * STEP}px`;
    const fold = make("span", { class: "fold", "aria-hidden": "true" });
    fold.textContent = this.hasBelow(row) ? (this.folded.has(row) ? "▸" : "▾") : "";
    const label = make("span", {}, spans.labels[spans.label[row]]);
    const owner = make("span", { class: "muted" }, spans.owners[spans.owner[row]]);
    what.append(fold, label, owner);
    if (isFailed) what.append(make("span", { class: "failed small" }, "failed"));
    const cell = make("div", { role: "gridcell" });
    cell.append(bar(spans.x[row], spans.width[row], isFailed ? "fall-failed" : isCritical ? "fall-critical" : "fall-other"));
    if (isCritical) cell.append(make("span", { class: "sr-only" }, "on the critical path"));
    const took = make("div", { role: "gridcell", class: "num" }, duration(spans.ms[row]));
    const cost = make("div", { role: "gridcell", class: "num" }, spans.cost[row] ? money(spans.cost[row]) : "");
    element.append(what, cell, took, cost);
    return element;
  }

  show(row) { // makes it the active one and brings it into view
    this.drawn.get(this.active)?.classList.remove("is-active");
    this.active = row;
    const top = this.at.get(row) * ROW;
    const seen = this.box.clientHeight - this.rows.offsetTop;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + seen) this.box.scrollTop = top + ROW - seen;
    this.draw();
    this.drawn.get(row)?.classList.add("is-active");
    this.box.setAttribute("aria-activedescendant", `span-row-${row}`);
  }

  fold(row, isFolded) {
    if (!this.hasBelow(row) || this.folded.has(row) === isFolded) return false;
    if (isFolded) this.folded.add(row);
    else this.folded.delete(row);
    this.order();
    this.show(row);
    return true;
  }

  open(row) {
    this.drawn.get(this.chosen)?.setAttribute("aria-selected", "false");
    this.chosen = row;
    this.drawn.get(row)?.setAttribute("aria-selected", "true");
    const to = new URL(location.href);
    to.search = `?span=${encodeURIComponent(this.ids[row])}`;
    history.replaceState(null, "", to);
    htmx.ajax("GET", to.pathname + to.search, "#span");
  }

  clicked(event) {
    const element = event.target.closest("[data-row]");
    if (!element) return;
    const row = Number(element.dataset.row);
    this.show(row);
    if (event.target.closest(".fold") && this.fold(row, !this.folded.has(row))) return;
    this.open(row);
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const now = this.at.get(this.active);
    if (event.key in moves) {
      this.show(this.shown[Math.min(Math.max(now + moves[event.key], 0), this.shown.length - 1)]);
    } else if (event.key === "ArrowLeft") {
      if (!this.fold(this.active, true)) this.show(Math.max(this.above(this.active), 0));
    } else if (event.key === "ArrowRight") {
      if (!this.fold(this.active, false) && this.hasBelow(this.active)) this.show(this.active + 1);
    } else if (event.key === "Enter" || event.key === " ") this.open(this.active);
    else return;
    event.preventDefault();
  }
}

function make(name, attributes, text) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  if (text !== undefined) found.textContent = text;
  return found;
}

function heading(ticks) {
  const group = make("div", { class: "tree-heads", role: "rowgroup" });
  const row = make("div", { class: "tree-head", role: "row", "aria-rowindex": "1" });
  const axis = make("div", { class: "ticks", role: "columnheader" });
  axis.append(make("span", { class: "sr-only" }, "When"), ...ticks.map((tick) => make("span", {}, tick)));
  row.append(make("div", { role: "columnheader" }, "Span"), axis,
    make("div", { role: "columnheader", class: "num" }, "Duration"), make("div", { role: "columnheader", class: "num" }, "Cost"));
  group.append(row);
  return group;
}

function bar(x, width, kind) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of [["viewBox", "0 0 1000 12"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  const rect = document.createElementNS(SVG, "rect");
  for (const [key, value] of [["class", kind], ["x", x], ["y", 1], ["width", width], ["height", 10]]) rect.setAttribute(key, String(value));
  svg.append(rect);
  return svg;
}

function duration(ms) {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(2)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.floor((ms % 60000) / 1000)} s`;
}

function money(dollars) {
  return dollars >= 0.01 ? `$${dollars.toFixed(2)}` : `$${dollars.toFixed(6).replace(/0+$/, "")}`;
}
