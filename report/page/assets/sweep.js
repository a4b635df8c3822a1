"use strict";
// A sweep's columns: figures and axes by name, as text, as numbers; which points no other beats in two of them.

const figureOf = new Map(data.figures.map((figure) => [figure.name, figure]));
const chosen = { x: null, y: null, colour: "front", logX: false, logY: false, point: null, hover: null, shown: "front",
  sort: null, down: false, rows: 100 };

function isAxis(name) {
  return data.axes.includes(name);
}

function titleOf(name) {
  if (isAxis(name)) return data.short[name];
  const figure = figureOf.get(name);
  return figure.unit && !name.startsWith("energy_") ? `${figure.title}, ${figure.unit}` : figure.title;
}

function valueOf(name, at) {
  return (isAxis(name) ? large.labels[name] : large.figures[name])[at];
}

function labelText(value) {
  if (value === null) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value);
}

function figureText(name, value) {
  if (value === null || value === undefined) return "-";
  const figure = figureOf.get(name);
  if (name.startsWith("energy_")) return energy(value);
  if (figure.kind === "text") return value;
  if (figure.kind === "int") return whole(value);
  return Math.abs(value) < 1e4 ? String(Number(value.toPrecision(4))) : whole(value);
}

function textOf(name, at) {
  return isAxis(name) ? labelText(valueOf(name, at)) : figureText(name, valueOf(name, at));
}

function placeOf(at) {
  return data.axes.map((axis) => `${data.short[axis]} ${labelText(large.labels[axis][at])}`).join(", ");
}

// An axis whose values are no numbers is laid out in the order in which its values appear.
const scales = new Map();
function numbersOf(name) {
  if (!scales.has(name)) {
    const values = isAxis(name) ? large.labels[name] : large.figures[name];
    const known = values.filter((value) => value !== null);
    const numeric = known.every((value) => typeof value === "number");
    const words = numeric ? null : [...new Set(values.map(labelText))];
    const places = words && new Map(words.map((word, place) => [word, place]));
    scales.set(name, { words, values: numeric ? values : values.map((value) => places.get(labelText(value))) });
  }
  return scales.get(name);
}

function evaluated() {
  return large.point.map((_, at) => at).filter((at) => large.reason[at] < 0);
}

// Points that can be drawn: both figures known, and above zero where the scale is logarithmic.
function drawable() {
  const x = numbersOf(chosen.x).values, y = numbersOf(chosen.y).values;
  return evaluated().filter((at) => x[at] !== null && y[at] !== null && !(chosen.logX && x[at] <= 0)
    && !(chosen.logY && y[at] <= 0));
}

// The front of the two chosen figures, sorted by x; none where one of them has no better end.
function frontOfTwo(points) {
  const signs = [chosen.x, chosen.y].map((name) => ({ low: 1, high: -1 })[figureOf.get(name)?.better ?? ""]);
  if (isAxis(chosen.x) || isAxis(chosen.y) || signs.some((sign) => !sign)) return [];
  const x = numbersOf(chosen.x).values, y = numbersOf(chosen.y).values;
  const order = [...points].sort((a, b) => signs[0] * (x[a] - x[b]) || signs[1] * (y[a] - y[b]));
  const front = [];
  let best = Infinity;
  for (const at of order)
    if (signs[1] * y[at] < best) {
      best = signs[1] * y[at];
      front.push(at);
    }
  return front;
}
