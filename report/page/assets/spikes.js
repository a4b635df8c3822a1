"use strict";
// Firing rates by threshold, as in the paper's Figure 6, a chart a kind of site.

const spikeView = { layer: "all layers" };

views.spikes = (section) => {
  const { sites } = large.spikes, layersOf = ["all layers", ...new Set(sites.map((site) => site.layer))];
  const chosen = sites.filter((site) => spikeView.layer === "all layers" || site.layer === spikeView.layer);
  const kinds = new Map();
  for (const site of chosen) kinds.set(site.kind, [...(kinds.get(site.kind) || []), site]);
  const rates = [...kinds].map(([kind, own]) => [kind, own, rateOf(own)]);
  const peak = largest(rates.flatMap(([, , rate]) => [...rate.plus, ...rate.minus]));
  const fired = sum(chosen.map((site) => spikesOf(site))),
    could = sum(chosen.map((site) => site.neurons)) * large.spikes.images * state.step;
  section.replaceChildren(el("div", { class: "card long" },
    el("h2", {}, `Firing rate by threshold, steps 1 to ${state.step}: ${percent(could ? fired / could : 0)} of neurons a step`),
    dim("Spikes per neuron and step at each threshold: +theta1 x 2^k above the line, -theta2 x 2^k below it, k to the right. In the paper's Figure 6 most spikes gather at the base thresholds."),
    el("div", { class: "controls" }, chooser("Layer", layersOf.map((name) => [name, name]), spikeView.layer,
      (value) => { spikeView.layer = value; views.spikes(section); }, "spike-layer")),
    el("div", { class: "small-multiples" }, rates.map(([kind, own, rate]) => spikeChart(kind, own, rate, peak)))));
};

function spikesOf(site) {
  return sum(site.histogram.slice(0, state.step).map(sum));
}

// Spikes per neuron and step at every threshold of some sites; sites with fewer thresholds count where they have one.
function rateOf(own) {
  const n = largest(own.map((site) => site.histogram[0].length / 2)), plus = new Array(n).fill(0), minus = new Array(n).fill(0);
  const could = sum(own.map((site) => site.neurons)) * large.spikes.images * state.step;
  for (const site of own) {
    const half = site.histogram[0].length / 2;
    for (const step of site.histogram.slice(0, state.step))
      for (let k = 0; k < half; k++) {
        plus[k] += step[k] / could;
        minus[k] += step[half + k] / could;
      }
  }
  return { plus, minus, total: sum(plus) + sum(minus) };
}

function spikeChart(kind, own, rate, peak) {
  const W = 255, H = 120, mid = H / 2, tall = mid - 4, n = rate.plus.length, pitch = (W - 8) / n, scale = peak || 1;
  const theta = (at) => { const values = own.map((site) => site.theta[at]); const low = Math.min(...values),
    high = Math.max(...values); return low === high ? low.toPrecision(3) : `${low.toPrecision(3)} to ${high.toPrecision(3)}`; };
  const chart = svg("svg", { viewBox: `0 0 ${W} ${H + 16}`, role: "img", "aria-label": `Firing rate of ${kind} by threshold` });
  for (let k = 0; k < n; k++)
    for (const [sign, share, tint] of [["+", rate.plus[k], "snn"], ["-", rate.minus[k], "ann"]]) {
      const high = Math.max((share / scale) * tall, share ? 0.7 : 0), y = sign === "+" ? mid - high - 0.5 : mid + 0.5;
      const zone = svg("rect", { x: 4 + k * pitch, y: sign === "+" ? 0 : mid, width: pitch, height: mid, fill: "transparent" });
      zone.addEventListener("pointermove", (event) => showTip(event, `${kind}, ${sign}theta${sign === "+" ? 1 : 2} x 2^${k}`,
        `${(100 * share).toPrecision(3)} % of neurons a step`, `theta${sign === "+" ? 1 : 2} ${theta(sign === "+" ? 0 : 1)}`));
      zone.addEventListener("pointerleave", hideTip);
      chart.append(svg("rect", { x: 4 + k * pitch + pitch * 0.14, y, width: pitch * 0.72, height: high, rx: 1.5,
        fill: `var(--${tint})` }), zone);
    }
  chart.append(svg("line", { class: "axis", x1: 0, x2: W, y1: mid, y2: mid }));
  for (let k = 0; k < n; k++) chart.append(svg("text", { x: 4 + (k + 0.5) * pitch, y: H + 13, "text-anchor": "middle" },
    `2^${k}`));
  const base = rate.total ? (rate.plus[0] + rate.minus[0]) / rate.total : 0;
  return el("div", {}, el("h3", {}, kind), el("p", { class: "small dim" },
    `${percent(rate.total)} firing, ${percent(base)} of spikes at the base, ${plural(own.length, "site")}`), chart);
}
