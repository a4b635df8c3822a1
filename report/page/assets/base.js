"use strict";
// What every view uses: the data, elements, figures as text, colours, the tip.

const data = JSON.parse(document.getElementById("small").textContent);
let large = null; // set by main.js once unpacked

const state = { step: data.steps, core: null, view: "overview" };
const views = {}; // view -> function that draws it into its section

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, action] of Object.entries(value)) node.addEventListener(event, action);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function card(title, ...children) {
  return el("div", { class: "card" }, el("h2", {}, title), ...children);
}

function dim(text) {
  return el("p", { class: "dim" }, text);
}

// rows: arrays of cells, a cell is text or a node or {class, text}; columns: names, those with a leading "<" aligned left.
function table(columns, rows, attributes = {}) {
  const left = columns.map((name) => name.startsWith("<"));
  const head = columns.map((name, at) => el("th", { class: left[at] ? "text" : null, scope: "col" }, name.replace(/^</, "")));
  const body = rows.map((cells) => el("tr", {}, cells.map((cell, at) => cellOf(cell, left[at]))));
  return el("div", { class: "scroll" }, el("table", attributes, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}

function cellOf(cell, left) {
  const own = cell !== null && typeof cell === "object" && !(cell instanceof Node);
  const names = [left ? "text" : "", own ? cell.class : ""].filter(Boolean).join(" ");
  return el("td", { class: names || null, "data-figure": own ? cell.figure : null }, own ? cell.text : cell);
}

// Figures as text, as in the terminal's tables.
function digits(value, count = 4) {
  return value === 0 ? "0" : Math.abs(value) >= 10 ** count ? whole(value) : value.toPrecision(count);
}

function bytes(count) {
  for (const [power, unit] of [[3, "GiB"], [2, "MiB"], [1, "KiB"]])
    if (count >= 1024 ** power) return `${digits(count / 1024 ** power)} ${unit}`;
  return `${whole(Math.round(count))} B`;
}

function energy(pj) {
  if (pj === null) return "unpriced";
  if (pj === 0) return "0 pJ";
  const size = Math.abs(Number(pj.toPrecision(4)));
  for (const [scale, unit] of [[1e12, "J"], [1e9, "mJ"], [1e6, "uJ"], [1e3, "nJ"]])
    if (size >= scale) return `${digits(pj / scale)} ${unit}`;
  return `${digits(pj)} pJ`;
}

function whole(value) {
  return Math.round(value).toLocaleString("en-US");
}

function ratio(value) {
  return value === null || value === undefined ? "-" : value.toFixed(3);
}

function percent(share, decimals = 1) {
  return share > 0 && share < 0.0005 ? "<0.1 %" : `${(100 * share).toFixed(decimals)} %`;
}

function time(cycles) {
  const ms = cycles / (1e3 * data.schedule.clock_mhz);
  const fixed = (value, decimals) => value.toLocaleString("en-US", { minimumFractionDigits: decimals,
    maximumFractionDigits: decimals });
  return ms >= 1 ? `${fixed(ms, 3)} ms` : `${fixed(1e3 * ms, 2)} us`;
}

function bits(value) {
  return `${(value / 8192).toFixed(1)} KiB`;
}

function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function plural(count, what) {
  return `${whole(count)} ${what}${count === 1 ? "" : "s"}`;
}

// The largest of many, which Math.max(...values) cannot take.
function largest(values) {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A colour of a ramp of five stops, share 0..1.
function ramp(name) {
  const stops = colour(name).split(/\s+/).map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return (share) => {
    const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const part = at - low;
    return `rgb(${stops[low].map((value, c) => Math.round(value + part * (stops[low + 1][c] - value))).join(" ")})`;
  };
}

// Round steps of an axis from 0 to at least `top`.
function ticks(top, count = 4) {
  const raw = top / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) * power;
  return Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, at) => at * step);
}

const tip = document.getElementById("tip");

function showTip(event, title, ...lines) {
  tip.replaceChildren(el("b", {}, title), ...lines.map((line) => el("div", {}, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const x = event.clientX + 16 + box.width > innerWidth ? event.clientX - box.width - 12 : event.clientX + 16;
  const y = Math.min(event.clientY + 14, innerHeight - box.height - 8);
  tip.style.left = `${Math.max(4, x)}px`;
  tip.style.top = `${Math.max(4, y)}px`;
}

function hideTip() {
  tip.hidden = true;
}

// A row of buttons of which one is pressed.
function pick(label, options, chosen, choose) {
  return el("span", { class: "pick", role: "group", "aria-label": label }, options.map(([value, text]) =>
    el("button", { type: "button", "aria-pressed": String(value === chosen), "data-pick": value,
      on: { click: () => choose(value) } }, text)));
}

function chooser(label, options, chosen, choose, id) {
  const select = el("select", { id, on: { change: (event) => choose(event.target.value) } },
    options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  return el("label", {}, label, select);
}

// A canvas as sharp as the screen; draw(context, width, height) works in CSS pixels.
function paint(canvas, width, height, draw) {
  const dense = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, width, height);
  draw(context, width, height);
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

// Width of a view's content, also while the view is hidden (before printing).
function contentWidth(node, other = 900) {
  return Math.floor(node.clientWidth) || other;
}

// What is large stands in the page as gzipped JSON in base64.
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}
