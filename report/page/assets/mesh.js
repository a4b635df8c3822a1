"use strict";
// The board on a canvas: a square per core, links between the tiles' routers.

const mesh = { zoom: 1, panX: 0, panY: 0, hover: null, canvas: null, geometry: null, drawn: document.createElement("canvas") };

// Sizes in CSS pixels: a tile, the part of it that holds cores, and the grid of cores in it.
function meshGeometry(width, links) {
  const m = data.mesh, slots = m.slots[0] + m.slots[1];
  const columns = Math.ceil(Math.sqrt(slots)), rows = Math.ceil(slots / columns);
  // As high as the window, or as a board much taller than wide needs for tiles that can be told apart.
  const fit = Math.min((width - 2) / m.width, Math.max(460, innerHeight - 310, 12 * m.height) / m.height, 96);
  const tile = fit * mesh.zoom, inner = tile * (tile < 6 ? 1 : links ? 0.66 : 0.86);
  return { tile, inner, columns, rows, fit, width: Math.min(width, fit * m.width + 2), height: fit * m.height + 2,
    cell: [inner / columns, inner / rows] };
}

function slotOf(kind, slot) {
  return kind === 1 ? data.mesh.slots[0] + slot : slot;
}

function corner(geometry, x, y, slot) {
  const { tile, inner, columns, cell } = geometry, edge = (tile - inner) / 2;
  return [1 + mesh.panX + x * tile + edge + (slot % columns) * cell[0], 1 + mesh.panY + y * tile + edge
    + Math.floor(slot / columns) * cell[1]];
}

// values: one per core or null; shade: value -> colour; links: null or {share: [...], shade}.
function drawMesh(canvas, width, { values, shade, links, shows }) {
  const geometry = meshGeometry(width, links !== null);
  Object.assign(mesh, { canvas, geometry });
  paint(canvas, geometry.width, geometry.height, (context, w, h) => {
    const m = data.mesh, { tile, cell } = geometry, gap = cell[0] < 3 ? 0 : Math.max(0.5, Math.min(1.5, cell[0] * 0.08));
    context.save();
    context.beginPath();
    context.rect(0, 0, w, h);
    context.clip();
    context.fillStyle = colour("slot");
    for (let y = 0; y < m.height; y++)
      for (let x = 0; x < m.width; x++)
        for (let slot = 0; slot < m.slots[0] + m.slots[1]; slot++) square(context, corner(geometry, x, y, slot), cell, gap,
          slot >= m.slots[0]);
    if (links) drawLinks(context, geometry, links);
    const c = large.cores;
    for (let core = 0; core < c.kind.length; core++) {
      if (!shows(core)) continue;
      context.fillStyle = shade(values[core], core);
      square(context, corner(geometry, c.x[core], c.y[core], slotOf(c.kind[core], c.slot[core])), cell, gap, c.kind[core] === 1);
    }
    context.strokeStyle = colour("dim");
    context.lineWidth = 1;
    for (let x = 0; x <= m.width; x += m.chip_width) line(context, mesh.panX + x * tile + 1, mesh.panY, mesh.panX + x * tile + 1,
      mesh.panY + m.height * tile + 2);
    for (let y = 0; y <= m.height; y += m.chip_height) line(context, mesh.panX, mesh.panY + y * tile + 1,
      mesh.panX + m.width * tile + 2, mesh.panY + y * tile + 1);
    context.restore();
  });
  // Kept without the marks, so that a large board is not drawn anew when the pointer moves.
  Object.assign(mesh.drawn, { width: canvas.width, height: canvas.height });
  mesh.drawn.getContext("2d").drawImage(canvas, 0, 0);
  markCores();
}

// Outlines of the core pointed at and of the one kept.
function markCores() {
  paint(mesh.canvas, mesh.geometry.width, mesh.geometry.height, (context, w, h) => {
    context.drawImage(mesh.drawn, 0, 0, w, h);
    for (const [core, ink] of [[mesh.hover, "dim"], [state.core, "ink"]]) if (core !== null) outline(context, mesh.geometry,
      core, colour(ink));
  });
}

// Synapse cores are squares, EC cores have round corners.
function square(context, [x, y], [wide, high], gap, round) {
  const w = wide - gap, h = high - gap;
  if (!round || w < 5) return context.fillRect(x, y, w, h);
  context.beginPath();
  context.roundRect(x, y, w, h, Math.min(w, h) * 0.45);
  context.fill();
}

function outline(context, geometry, core, ink) {
  const c = large.cores, [x, y] = corner(geometry, c.x[core], c.y[core], slotOf(c.kind[core], c.slot[core]));
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.strokeRect(x - 1.5, y - 1.5, geometry.cell[0] + 2, geometry.cell[1] + 2);
}

// Both directions of a link side by side, each on the right of its way.
function drawLinks(context, geometry, { share, shade }) {
  const { tile, inner } = geometry, m = data.mesh, reach = inner / 2, l = large.links;
  const order = l.source.map((_, at) => at).sort((a, b) => share[a] - share[b]);
  context.lineWidth = Math.max(1, Math.min(5, tile * 0.13));
  const top = largest(share) || 1;
  for (const at of order) {
    const x = l.source[at] % m.width, y = Math.floor(l.source[at] / m.width);
    const dx = Math.sign((l.target[at] % m.width) - x), dy = Math.sign(Math.floor(l.target[at] / m.width) - y);
    const side = tile * 0.085, cx = mesh.panX + (x + 0.5) * tile + 1 - dy * side, cy = mesh.panY + (y + 0.5) * tile + 1
      + dx * side;
    context.strokeStyle = shade(share[at] / top);
    line(context, cx + dx * reach, cy + dy * reach, cx + dx * (tile - reach), cy + dy * (tile - reach));
  }
}

function coreAt(event) {
  const box = mesh.canvas.getBoundingClientRect(), { tile, inner, columns, cell } = mesh.geometry;
  const px = event.clientX - box.left - 1 - mesh.panX, py = event.clientY - box.top - 1 - mesh.panY;
  const x = Math.floor(px / tile), y = Math.floor(py / tile), edge = (tile - inner) / 2;
  const column = Math.floor((px - x * tile - edge) / cell[0]), row = Math.floor((py - y * tile - edge) / cell[1]);
  if (column < 0 || row < 0 || column >= columns) return null;
  return places().get(placeKey(x, y, row * columns + column)) ?? null;
}

function linkAt(event) {
  if (!large.links) return [];
  const box = mesh.canvas.getBoundingClientRect(), { tile } = mesh.geometry, m = data.mesh;
  const px = (event.clientX - box.left - 1 - mesh.panX) / tile - 0.5, py = (event.clientY - box.top - 1 - mesh.panY) / tile - 0.5;
  const across = Math.abs(py - Math.round(py)) < 0.3 && Math.abs(px - Math.floor(px) - 0.5) < 0.3;
  const down = Math.abs(px - Math.round(px)) < 0.3 && Math.abs(py - Math.floor(py) - 0.5) < 0.3;
  if (across === down) return [];
  const [x, y] = across ? [Math.floor(px), Math.round(py)] : [Math.round(px), Math.floor(py)];
  const near = y * m.width + x, far = across ? near + 1 : near + m.width, l = large.links;
  return l.source.map((_, at) => at).filter((at) => (l.source[at] === near && l.target[at] === far)
    || (l.source[at] === far && l.target[at] === near));
}

const placeKey = (x, y, slot) => (y * data.mesh.width + x) * (data.mesh.slots[0] + data.mesh.slots[1]) + slot;

function places() {
  if (!places.found) {
    const c = large.cores;
    places.found = new Map(c.kind.map((kind, core) => [placeKey(c.x[core], c.y[core], slotOf(kind, c.slot[core])), core]));
  }
  return places.found;
}

// The nearest core in a direction: along it first, across it with a penalty.
function nextCore(core, dx, dy) {
  const c = large.cores, width = data.mesh.slots[0] + data.mesh.slots[1];
  const place = (one) => [c.x[one] * width + (dx ? slotOf(c.kind[one], c.slot[one]) : 0), c.y[one] * (dx ? 1 : width)];
  const [x, y] = place(core);
  let best = core, least = Infinity;
  for (let one = 0; one < c.kind.length; one++) {
    if (one === core || (dy && slotOf(c.kind[one], c.slot[one]) !== slotOf(c.kind[core], c.slot[core]))) continue;
    const [ox, oy] = place(one), along = (ox - x) * dx + (oy - y) * dy, aside = Math.abs((ox - x) * dy)
      + Math.abs((oy - y) * dx) * (dx ? width : 1);
    if (along > 0 && along + 3 * aside < least) [best, least] = [one, along + 3 * aside];
  }
  return best;
}
