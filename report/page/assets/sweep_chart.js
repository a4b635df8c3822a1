"use strict";
// The chart: points on a canvas, the nearest one told while the pointer or the arrow keys are over it.

const canvas = document.getElementById("chart");
const MARGIN = { left: 74, right: 18, top: 14, bottom: 46 };
const PALETTE = 8;
const NEAR = 16; // pixels within which a point answers the pointer
let drawn = { points: [], x: [], y: [] };

function extent(values, log) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low < high)) return log ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  if (log) {
    const pad = (high / low) ** 0.04;
    return [low / pad, high * pad];
  }
  const pad = (high - low) * 0.04;
  return [low >= 0 && low - pad < 0 ? 0 : low - pad, high + pad];
}

function marks([low, high], log, words) {
  if (words) return words.map((_, place) => place).filter((place) => place >= low && place <= high);
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const factor of high / low > 200 ? [1] : high / low > 8 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]) {
        const mark = factor * 10 ** power;
        if (mark >= low && mark <= high) found.push(mark);
      }
    return found;
  }
  const raw = (high - low) / 9, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) * power;
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high + step * 1e-9; place++) found.push(place * step);
  return found;
}

function markText(name, mark, words) {
  if (words) return words[mark];
  const text = name.startsWith("energy_") ? energy(mark) : Math.abs(mark) >= 1e4 ? whole(mark)
    : String(Number(mark.toPrecision(4)));
  return text.replace(/(\.\d*?)0+( |$)/, "$1$2").replace(/\.( |$)/, "$1");
}

// How points are coloured: [function of a point, legend entries of [colour, text]].
function colouring(points) {
  if (chosen.colour === "front")
    return [(at) => colour(large.front[at] ? "c0" : "point"), [["c0", "on the front of all objectives"],
      ["point", "beaten by another"]].map(([name, text]) => [colour(name), text])];
  const { words, values } = numbersOf(chosen.colour);
  const distinct = [...new Set(points.map((at) => values[at]))].filter((value) => value !== null).sort((a, b) => a - b);
  if (distinct.length <= PALETTE) {
    const of = new Map(distinct.map((value, place) => [value, colour(`c${place}`)]));
    return [(at) => of.get(values[at]) ?? colour("point"),
      distinct.map((value) => [of.get(value), words ? words[value] : textOf(chosen.colour,
      points.find((at) => values[at] === value))])];
  }
  const shade = ramp("ramp"), low = distinct[0], high = distinct[distinct.length - 1];
  const ends = [0, 0.5, 1].map((share) => [shade(share), markText(chosen.colour, low + share * (high - low), null)]);
  return [(at) => (values[at] === null ? colour("point") : shade((values[at] - low) / (high - low))), words ? [] : ends];
}

function drawChart() {
  const W = canvas.clientWidth, H = canvas.clientHeight, dense = Math.max(devicePixelRatio, 1);
  canvas.width = Math.round(W * dense);
  canvas.height = Math.round(H * dense);
  const pen = canvas.getContext("2d");
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  pen.clearRect(0, 0, W, H);
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const points = drawable();
  const x = numbersOf(chosen.x), y = numbersOf(chosen.y);
  document.getElementById("chart-note").textContent = points.length === evaluated().length ? ""
    : `${plural(evaluated().length - points.length, "point")} cannot be drawn here: a figure is not known, or not above zero on a logarithmic scale.`;
  if (!points.length) {
    pen.fillStyle = colour("dim");
    pen.fillText("No point has both figures.", MARGIN.left, H / 2);
    drawn = { points, x: [], y: [] };
    document.getElementById("legend").replaceChildren();
    return;
  }
  const rangeX = extent(points.map((at) => x.values[at]), chosen.logX), rangeY = extent(points.map((at) => y.values[at]),
    chosen.logY);
  const share = (value, [low, high], log) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  const placeX = (value) => MARGIN.left + share(value, rangeX, chosen.logX) * (W - MARGIN.left - MARGIN.right);
  const placeY = (value) => H - MARGIN.bottom - share(value, rangeY, chosen.logY) * (H - MARGIN.top - MARGIN.bottom);
  grid(pen, W, H, { rangeX, rangeY, placeX, placeY, wordsX: x.words, wordsY: y.words });
  const [paint, entries] = colouring(points);
  const front = frontOfTwo(points);
  frontLine(pen, front.map((at) => [placeX(x.values[at]), placeY(y.values[at])]));
  drawn = { points, x: points.map((at) => placeX(x.values[at])), y: points.map((at) => placeY(y.values[at])) };
  const rest = points.map((_, place) => place).sort((a, b) => large.front[points[a]] - large.front[points[b]]);
  const size = points.length > 3000 ? 2 : 3.4;
  for (const place of rest) dot(pen, place, size + (large.front[points[place]] ? 1 : 0), paint(points[place]));
  for (const [at, wide] of [[chosen.point, 2.2], [chosen.hover, 1.4]]) {
    const place = points.indexOf(at);
    if (place < 0) continue;
    pen.strokeStyle = colour("ink");
    pen.lineWidth = wide;
    pen.beginPath();
    pen.arc(drawn.x[place], drawn.y[place], 7.5, 0, 2 * Math.PI);
    pen.stroke();
  }
  const legend = entries.map(([shade, text]) => el("span", {}, el("i", { class: "swatch", style: { background: shade } }), text));
  if (front.length) legend.push(el("span", {},
    el("i", { class: "swatch", style: { background: colour("front"), height: ".2em" } }), "front of these two"));
  document.getElementById("legend").replaceChildren(...legend);
}

function dot(pen, place, size, shade) {
  pen.fillStyle = shade;
  pen.beginPath();
  pen.arc(drawn.x[place], drawn.y[place], size, 0, 2 * Math.PI);
  pen.fill();
}

function grid(pen, W, H, { rangeX, rangeY, placeX, placeY, wordsX, wordsY }) {
  pen.lineWidth = 1;
  pen.strokeStyle = colour("soft");
  pen.fillStyle = colour("dim");
  pen.textAlign = "center";
  let until = -Infinity;
  for (const mark of marks(rangeX, chosen.logX, wordsX)) {
    const at = placeX(mark), text = markText(chosen.x, mark, wordsX), half = pen.measureText(text).width / 2;
    line(pen, at, MARGIN.top, at, H - MARGIN.bottom);
    if (at - half < until + 8) continue;
    pen.fillText(text, at, H - MARGIN.bottom + 16);
    until = at + half;
  }
  pen.textAlign = "right";
  for (const mark of marks(rangeY, chosen.logY, wordsY)) {
    const at = placeY(mark);
    line(pen, MARGIN.left, at, W - MARGIN.right, at);
    pen.fillText(markText(chosen.y, mark, wordsY), MARGIN.left - 7, at + 4, MARGIN.left - 20);
  }
  pen.strokeStyle = colour("line");
  line(pen, MARGIN.left, H - MARGIN.bottom, W - MARGIN.right, H - MARGIN.bottom);
  line(pen, MARGIN.left, MARGIN.top, MARGIN.left, H - MARGIN.bottom);
  pen.textAlign = "center";
  pen.fillStyle = colour("ink");
  pen.fillText(titleOf(chosen.x), (MARGIN.left + W - MARGIN.right) / 2, H - 10);
  pen.save();
  pen.translate(12, (MARGIN.top + H - MARGIN.bottom) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(titleOf(chosen.y), 0, 0);
  pen.restore();
}

// A staircase: between two points of the front nothing is known to be better than the worse of each figure.
function frontLine(pen, corners) {
  if (!corners.length) return;
  pen.strokeStyle = colour("front");
  pen.lineWidth = 1.6;
  pen.beginPath();
  corners.forEach(([atX, atY], place) => {
    if (place) pen.lineTo(atX, corners[place - 1][1]);
    else pen.moveTo(atX, atY);
    pen.lineTo(atX, atY);
  });
  pen.stroke();
}

function nearestPoint(atX, atY) {
  let best = null, least = NEAR * NEAR;
  drawn.points.forEach((at, place) => {
    const distance = (drawn.x[place] - atX) ** 2 + (drawn.y[place] - atY) ** 2;
    if (distance < least) {
      least = distance;
      best = at;
    }
  });
  return best;
}

// The next point to the right or left of the one that has the keys.
function nextPoint(direction) {
  const order = drawn.points.map((_, place) => place).sort((a, b) => drawn.x[a] - drawn.x[b] || drawn.y[b] - drawn.y[a]);
  const now = order.findIndex((place) => drawn.points[place] === (chosen.hover ?? chosen.point));
  const next = now < 0 ? (direction > 0 ? 0 : order.length - 1) : Math.min(Math.max(now + direction, 0), order.length - 1);
  return drawn.points[order[next]] ?? null;
}
