// Draws [data-chart] with uPlot: line, area, bars, stacked; a tooltip; dragging zooms where the page allows it.
import uPlot from "uplot";
import { time } from "./times.js";

const COLORS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6", "--series-7", "--series-8"];
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const days = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const WRITE = {
  count: (value) => compact.format(value),
  number: (value) => (value !== 0 && Math.abs(value) < 0.01 ? value.toPrecision(2) : compact.format(value)),
  money: (value) => (value !== 0 && Math.abs(value) < 0.01 ? `$${value.toPrecision(2)}` : `$${compact.format(value)}`),
  percent: (value) => `${(value * 100).toFixed(value && value < 0.01 ? 2 : 1)}%`,
  ms: (value) => (value >= 1000 ? `${(value / 1000).toPrecision(3)} s` : `${Number(value.toPrecision(3))} ms`),
};

function stacked(series) {
  const sums = series[0].map(() => 0);
  return series.map((values) => values.map((value, at) => (sums[at] += value ?? 0)));
}

function tooltip(plot, spec, values, labels) {
  const box = document.createElement("div");
  box.className = "tooltip";
  box.hidden = true;
  plot.over.append(box);
  return () => {
    const { left, idx } = plot.cursor;
    if (idx === null || idx === undefined || left < 0) { box.hidden = true; return; }
    const title = document.createElement("b");
    title.textContent = labels(idx);
    box.replaceChildren(title);
    spec.columns.forEach((name, at) => {
      const line = document.createElement("span");
      const value = values[at][idx];
      line.textContent = `${name}: ${value === null || value === undefined ? "–" : WRITE[spec.unit](value)}`;
      line.className = `key series-${(at % COLORS.length) + 1}`;
      box.append(line);
    });
    box.hidden = false;
    const room = plot.over.clientWidth - left;
    box.style.left = room > box.offsetWidth + 16 ? `${left + 12}px` : `${left - box.offsetWidth - 12}px`;
  };
}

// Points that no line reaches: nothing is known on either side of them.
function lonely(values) {
  return [...values.keys()].filter((at) => values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null);
}

function options(spec, element, isTime, groups) {
  const axis = { stroke: style("--muted-foreground"), grid: { stroke: style("--border"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const bars = spec.kind === "bars" || spec.kind === "stacked";
  const order = spec.kind === "stacked" ? [...spec.columns.keys()].reverse() : [...spec.columns.keys()];
  return {
    ...(spec.first === "day" ? { tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC") } : {}),
    width: element.clientWidth,
    height: spec.height,
    legend: { show: false },
    cursor: { y: false, drag: { x: spec.zooms, y: false, setScale: false } },
    scales: { x: { time: isTime, range: bars ? (plot, low, high) => { const pad = groups > 1 ? (high - low) / (groups - 1) / 2 : spec.first === "time" ? 1800 : spec.first === "day" ? 43200 : 0.5; return [low - pad, high + pad]; } : undefined }, y: { range: (plot, low, high) => [0, (high || 1) * 1.08] } },
    axes: [
      { ...axis, size: isTime && spec.first !== "day" ? 50 : 30, ...(spec.first === "day" ? { incrs: [86400, 172800, 604800, 2592000] } : {}), values: spec.first === "day" ? (plot, splits) => splits.map((at) => days.format(new Date(at * 1000))) : isTime ? undefined : (plot, splits) => splits.map((at) => (Number.isInteger(at) ? String(spec.rows[at]?.[0] ?? "") : "")) },
      { ...axis, size: 64, values: (plot, splits) => splits.map((value) => WRITE[spec.unit](value)) },
    ],
    series: [{}, ...order.map((at) => {
      const color = style(COLORS[at % COLORS.length]);
      return {
        label: spec.columns[at],
        stroke: color,
        width: bars ? 0 : 2,
        fill: bars ? color : spec.kind === "area" ? `color-mix(in srgb, ${color} 18%, transparent)` : undefined,
        paths: bars ? uPlot.paths.bars({ size: [0.7, 60] }) : undefined,
        points: { show: !bars, size: 6, fill: color, filter: (plot, at) => lonely(plot.data[at]) },
      };
    })],
  };
}

function draw(element) {
  const spec = JSON.parse(element.dataset.chart);
  const isTime = spec.first === "time" || spec.first === "day";
  const xs = spec.rows.map((row, at) => (isTime ? new Date(row[0]).getTime() / 1000 : at));
  const values = spec.columns.map((_, at) => spec.rows.map((row) => row[at + 1]));
  let shown = values;
  if (spec.kind === "stacked") shown = stacked(values).reverse();
  const set = options(spec, element, isTime, spec.rows.length);
  const labels = (at) => (spec.first === "day" ? spec.rows[at][0] : isTime ? time.format(new Date(spec.rows[at][0])) : spec.rows[at][0]);
  set.hooks = {
    ready: [(plot) => { plot.tell = tooltip(plot, spec, values, labels); }],
    setCursor: [(plot) => plot.tell?.()],
    setSelect: [(plot) => {
      if (!spec.zooms || plot.select.width < 8) return;
      const to = new URL(location.href);
      const at = (pixels) => new Date(plot.posToVal(pixels, "x") * 1000).toISOString();
      to.searchParams.set("start_time", at(plot.select.left));
      to.searchParams.set("end_time", at(plot.select.left + plot.select.width));
      to.searchParams.delete("window");
      location.href = to.href;
    }],
  };
  element.replaceChildren();
  const plot = new uPlot(set, [xs, ...shown], element);
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", `${spec.title}; the same as a table below`);
  if (spec.columns.length > 1) element.append(legend(spec));
  return plot;
}

function legend(spec) {
  const list = document.createElement("ul");
  list.className = "legend";
  spec.columns.forEach((name, at) => {
    const line = document.createElement("li");
    line.className = `key series-${(at % COLORS.length) + 1}`;
    line.textContent = name;
    list.append(line);
  });
  return list;
}

const plots = new Map();
function all() {
  for (const [element, plot] of plots) if (!element.isConnected) { plot.destroy(); plots.delete(element); }
  document.querySelectorAll("[data-chart]").forEach((element) => {
    if (!plots.has(element)) plots.set(element, draw(element));
  });
}
function again() {
  for (const plot of plots.values()) plot.destroy();
  plots.clear();
  all();
}
let waiting;
window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(again, 150); });
document.addEventListener("theme", again);
document.addEventListener("htmx:after:swap", all);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
else all();
