"use strict";
// The chip: what colours its cores, and the panel of the core pointed at or kept.

const chipView = { by: data.schedule ? "busy" : "memory", kind: "all", links: Boolean(data.schedule), canvas: null };

// What cores can be coloured by: value of a core, its text, the top of the scale (null: the largest met), the ramp.
function measures() {
  const c = large.cores, found = {};
  if (c.cycles) {
    for (const [key, what, tint] of [["busy", "busy", "ramp"], ["no input", "stalled_input", "heat"],
      ["network stall", "stalled_network", "heat"]])
      found[key] = { of: (core) => shareOfMakespan(core, what), text: percent, top: null, tint };
  }
  found.memory = { of: memoryUse, text: percent, top: 1, tint: "ramp" };
  found.neurons = { of: (core) => { const [, used, limit] = useOf(core).find(([name]) => name === "neurons");
    return used / limit; }, text: percent, top: 1, tint: "ramp" };
  if (c.top_pj) {
    found[`energy, ${data.top}`] = { of: (core) => c.top_pj[core], text: energy, top: null, tint: "heat" };
    found["energy, executed"] = { of: (core) => c.energy_pj[core], text: energy, top: null, tint: "heat" };
    if (c.w_per_mm2) found["power density"] = { of: (core) => c.w_per_mm2[core], text: (value) => `${value.toPrecision(3)} W/mm2`,
      top: null, tint: "heat" };
    found.operations = { of: (core) => c.ops[core] / data.images, text: whole, top: null, tint: "heat" };
  }
  return found;
}

views.chip = (section) => {
  const all = measures();
  if (!all[chipView.by]) chipView.by = "memory";
  const again = (change) => (value) => { chipView[change] = value; views.chip(section); };
  const canvas = el("canvas", { id: "mesh", tabindex: 0, role: "application",
    "aria-label": "Cores of the board: arrow keys move, Enter keeps a core, Escape lets it go" });
  const notes = [`${data.mesh.cores.toLocaleString("en-US")} cores in use on ${data.mesh.width} x ${data.mesh.height} tiles. Squares are synapse cores, rounded ones EC cores, pale ones unused.`];
  if (data.mesh.remapped) notes.push("The schedule re-mapped the network: this is the new mapping.");
  if (!data.schedule) notes.push("Cycles and loads of links need a schedule.");
  const holder = el("div", { class: "board" }, canvas);
  const left = el("div", { class: "card" }, el("h2", {}, `Cores of ${data.chip.name}`), dim(notes.join(" ")),
    el("div", { class: "controls" }, chooser("Colour by", Object.keys(all).map((name) => [name, name]), chipView.by, again("by"),
      "colour-by"),
      pick("Kind", [["all", "all"], ["synapse", "synapse"], ["ec", "EC"]], chipView.kind, again("kind")),
      large.links ? el("label", {}, el("input", { type: "checkbox", checked: chipView.links,
        on: { change: (event) => again("links")(event.target.checked) } }), "links") : null,
      zoomButtons()),
    el("div", { class: "legend", id: "mesh-legend" }), holder);
  const right = el("div", { id: "chip-side" }, corePanel(state.core));
  section.replaceChildren(el("div", { class: "two" }, left, right));
  chipView.canvas = canvas;
  listen(canvas);
  redrawMesh();
};

function zoomButtons() {
  const zoom = (factor) => () => {
    const before = mesh.zoom, g = mesh.geometry;
    mesh.zoom = factor === 0 ? 1 : Math.min(8, Math.max(1, mesh.zoom * factor));
    const grown = mesh.zoom / before;
    mesh.panX = keepInside(g.width / 2 - (g.width / 2 - mesh.panX) * grown, g.width);
    mesh.panY = keepInside(g.height / 2 - (g.height / 2 - mesh.panY) * grown, g.height);
    redrawMesh();
  };
  return el("span", { class: "pick", role: "group", "aria-label": "Zoom" }, [["+", 1.6], ["-", 1 / 1.6],
    ["1:1", 0]].map(([text, factor]) =>
    el("button", { type: "button", "aria-label": factor === 0 ? "whole board" : factor > 1 ? "zoom in" : "zoom out",
      on: { click: zoom(factor) } }, text)));
}

function keepInside(pan, size) {
  return Math.min(0, Math.max(pan, size - size * mesh.zoom));
}

function redrawMesh() {
  const { by, kind, canvas } = chipView, measure = measures()[by], cores = large.cores.kind;
  const shows = (core) => kind === "all" || KINDS[cores[core]] === kind;
  const values = cores.map((_, core) => measure.of(core));
  const top = measure.top ?? (largest(values.filter((_, core) => shows(core))) || 1);
  const shade = ramp(measure.tint), heat = ramp("heat");
  const share = large.links && chipView.links ? large.links.busy_cycles.map((busy) => busy / data.schedule.makespan_cycles)
    : null;
  const room = contentWidth(canvas.parentElement, 780);
  drawMesh(canvas, room, { values, shade: (value) => shade(value / top), links: share ? { share, shade: heat } : null, shows });
  const scale = (tint, text) => [el("canvas", { class: "ramp", width: 150, height: 10, "data-tint": tint }),
    el("span", {}, text)];
  const legend = document.getElementById("mesh-legend");
  legend.replaceChildren(el("span", {}, `${by}: ${measure.text(0)}`), ...scale(measure.tint, measure.text(top)),
    ...(share ? [el("span", {}, "links busy: 0 %"), ...scale("heat", percent(largest(share)))] : []));
  for (const bar of legend.querySelectorAll("canvas")) {
    const of = ramp(bar.dataset.tint), context = bar.getContext("2d");
    for (let x = 0; x < 150; x++) { context.fillStyle = of(x / 149); context.fillRect(x, 0, 1, 10); }
  }
}

function keep(core) {
  state.core = core;
  refreshPanels();
  if (state.view === "chip") markCores();
}

function refreshPanels(core = state.core) {
  for (const id of ["chip-side", "timeline-side"]) document.getElementById(id)?.replaceChildren(corePanel(core));
}

function listen(canvas) {
  let dragged = null;
  canvas.addEventListener("pointerdown", (event) => { dragged = { x: event.clientX, y: event.clientY, panX: mesh.panX,
    panY: mesh.panY, far: false }; });
  canvas.addEventListener("pointermove", (event) => {
    if (dragged && event.buttons && mesh.zoom > 1) {
      const dx = event.clientX - dragged.x, dy = event.clientY - dragged.y;
      dragged.far ||= Math.abs(dx) + Math.abs(dy) > 4;
      mesh.panX = keepInside(dragged.panX + dx, mesh.geometry.width);
      mesh.panY = keepInside(dragged.panY + dy, mesh.geometry.height);
      return redrawMesh();
    }
    const core = coreAt(event);
    if (core !== mesh.hover) { mesh.hover = core; markCores(); if (state.core === null) refreshPanels(core); }
    if (core !== null) return showTip(event, `${coreName(core)}, tile ${large.cores.x[core]},${large.cores.y[core]}`,
      ...coreFacts(core));
    const links = chipView.links ? linkAt(event) : [];
    return links.length ? showTip(event, "links", ...links.map(linkFacts)) : hideTip();
  });
  canvas.addEventListener("pointerleave", () => { hideTip(); if (mesh.hover !== null) { mesh.hover = null; markCores();
    if (state.core === null) refreshPanels(); } });
  canvas.addEventListener("click", (event) => {
    const core = coreAt(event), moved = dragged?.far;
    dragged = null;
    if (!moved) keep(core === state.core ? null : core);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      mesh.hover = mesh.hover === null ? state.core ?? 0 : nextCore(mesh.hover, ...way);
      markCores();
      refreshPanels(mesh.hover);
    } else if (event.key === "Enter" || event.key === " ") keep(mesh.hover);
    else if (event.key === "Escape") { mesh.hover = null; keep(null); }
    else return;
    event.preventDefault();
  });
}

function linkFacts(at) {
  const l = large.links, m = data.mesh, end = (tile) => `${tile % m.width},${Math.floor(tile / m.width)}`;
  return `${end(l.source[at])} to ${end(l.target[at])}: busy ${percent(l.busy_cycles[at] / data.schedule.makespan_cycles)}, ${whole(l.flits[at])} flits, longest queue ${whole(l.peak_queue_flits[at])} of ${m.queue_flits}`;
}
