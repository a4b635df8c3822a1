"use strict";
// One step of the first image: a bar per core, from its first job of that step to its last.

// Rows of one step, earliest first: {core, start, end, busy}.
function rowsOfStep(step) {
  const s = large.steps, found = [];
  for (let at = 0; at < s.core.length; at++)
    if (s.step[at] === step) found.push({ core: s.core[at], start: s.start[at], end: s.end[at], busy: s.busy[at] });
  return found.sort((a, b) => a.start - b.start || a.core - b.core);
}

// The kind of node that a core works on in most bins of time.
function kindOfCore(core) {
  const counts = new Map();
  for (const kind of large.bins.work[core]) if (kind >= 0) counts.set(kind, (counts.get(kind) || 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [-1, 0])[0];
}

function drawStep(canvas, step) {
  const rows = rowsOfStep(step), from = rows.length ? rows[0].start : 0, end = data.schedule.step_end_cycles[0][step];
  const to = Math.max(end, largest(rows.map((row) => row.end)), from + 1);
  const width = contentWidth(canvas.parentElement, 780), left = 46, plot = width - left,
    high = Math.max(160, Math.min(540, rows.length * 9));
  Object.assign(timelineView, { bars: rows, left, plot, high });
  const x = (cycle) => left + ((cycle - from) / (to - from)) * plot, used = new Set();
  paint(canvas, width, high + 22, (context) => {
    context.fillStyle = colour("soft");
    context.fillRect(left, 0, plot, high);
    const tall = high / Math.max(rows.length, 1);
    rows.forEach((row, at) => {
      const kind = kindOfCore(row.core);
      used.add(kind);
      context.globalAlpha = 0.25 + 0.75 * Math.sqrt(row.busy / Math.max(row.end - row.start, 1));
      context.fillStyle = kind < 0 ? colour("dim") : tintOf(kind);
      context.fillRect(x(row.start), at * tall, Math.max(1, x(row.end) - x(row.start)), Math.max(tall - (tall > 4 ? 1 : 0), 1));
    });
    context.globalAlpha = 1;
    context.fillStyle = colour("dim");
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.fillText("core", left - 6, 10);
    const gaps = Math.max(1, Math.ceil(rows.length / 12));
    for (let at = gaps; at < rows.length; at += gaps) context.fillText(rows[at].core, left - 6, (at + 0.5) * tall + 4);
    for (let mark = 0; mark <= 5; mark++) {
      const cycle = from + (mark * (to - from)) / 5;
      context.textAlign = mark === 0 ? "left" : mark === 5 ? "right" : "center";
      context.fillText(time(cycle), x(cycle), high + 15);
    }
    context.strokeStyle = colour("ink");
    context.setLineDash([3, 4]);
    line(context, x(end), 0, x(end), high);
    context.setLineDash([]);
  });
  document.getElementById("timeline-legend").replaceChildren(
    ...large.bins.kinds.map((name, kind) =>
      (used.has(kind) ? el("span", {}, el("i", { class: "swatch", style: { background: tintOf(kind) } }), name)
      : null)).filter(Boolean),
    el("span", {}, "stronger: busier between its first and last job; dashed: logits of the step"));
}

// The bar under the pointer, null beside all.
function barAt(event) {
  const box = timelineView.canvas.getBoundingClientRect(), { bars, high } = timelineView;
  return bars[Math.floor(((event.clientY - box.top) / high) * bars.length)] ?? null;
}

function barTip(event) {
  const bar = barAt(event);
  if (!bar) return hideTip();
  const names = [...new Set(partsOf(bar.core).map((at) => large.audit.nodes[large.parts.node[at]][0]))];
  return showTip(event, coreName(bar.core), names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more`
    : ""),
    `${time(bar.start)} to ${time(bar.end)}, ${whole(bar.busy)} cycles busy, ${percent(bar.busy / Math.max(bar.end - bar.start, 1))} of it`);
}
