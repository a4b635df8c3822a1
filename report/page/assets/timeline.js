"use strict";
// The schedule: what cores did over time, where the time of an inference goes.

const timelineView = { by: "work", step: "all", canvas: null, rows: [], bars: [] };
const WORK = ["#3b8ed0", "#e69f00", "#1a9e77", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#b8a100", "#a5673f", "#7f8c9a",
  "#d4506a", "#5fa55a"];
const tintOf = (kind) => WORK[kind % WORK.length];

views.timeline = (section) => {
  if (!data.schedule) {
    section.replaceChildren(card("Timeline",
      dim("This run was not scheduled. synaptile report RUN --html FILE --with-schedule replays it in cycles: latency, stalls and loads of links appear here.")));
    return;
  }
  const s = data.schedule, canvas = el("canvas", { id: "timeline-map", tabindex: 0, role: "img",
    "aria-label": "Cores over time, coloured by what they did" });
  const again = (change) => (value) => { timelineView[change] = value; views.timeline(section); };
  const one = timelineView.step === "all" ? null : Number(timelineView.step) - 1;
  const what = { work: "Colour: the kind of node worked on most; stronger where cores were busier.",
    busy: "Busy share of the cores in each bin.",
    stalled_input: "Share of time in which no job was ready because an input had not been computed.",
    stalled_network: "Share of time in which an input was on its way, or a receiver had no room." };
  const steps = chooser("Step", [["all", "all"], ...Array.from({ length: data.steps },
    (_, at) => [`${at + 1}`, `T = ${at + 1}`])], timelineView.step, again("step"), "timeline-step");
  const title = one === null
    ? `Cores over ${time(s.makespan_cycles)}: ${plural(s.images, "image")}, ${data.steps} steps, ${s.synchronisation}, ${s.clock_mhz} MHz` : `Step ${one + 1} of the first image, core by core`;
  const left = el("div", { class: "card" }, el("h2", {}, title), dim(one === null ? what[timelineView.by]
    : "A bar per core, earliest first: from its first job of this step to its last. Colour: the kind of node it works on most."),
    el("div", { class: "controls" }, steps, one === null ? pick("Show", [["work", "work"], ["busy", "busy"],
      ["stalled_input", "no input"], ["stalled_network", "network"]], timelineView.by, again("by")) : null),
    el("div", {}, canvas), el("div", { class: "legend", id: "timeline-legend" }));
  section.replaceChildren(stepCard(), el("div", { class: "two" }, left, el("div", { id: "timeline-side" },
    corePanel(state.core))), criticalCard());
  timelineView.canvas = canvas;
  if (one !== null) {
    drawStep(canvas, one);
    canvas.addEventListener("pointermove", barTip);
    canvas.addEventListener("pointerleave", hideTip);
    canvas.addEventListener("click", (event) => { const bar = barAt(event); if (bar) keep(bar.core); });
    return;
  }
  drawTimeline();
  const at = (event) => {
    const box = canvas.getBoundingClientRect(), rows = timelineView.rows, b = large.bins,
      { left: pad, plot, high } = timelineView;
    const bin = Math.floor(((event.clientX - box.left - pad) / plot) * (b.edges.length - 1)),
      row = Math.floor(((event.clientY - box.top) / high) * rows.length);
    return bin >= 0 && bin < b.edges.length - 1 && row >= 0 && row < rows.length ? [rows[row], bin] : null;
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = at(event), b = large.bins;
    if (!found) return hideTip();
    const [cores, bin] = found, mean = (name) => sum(cores.map((core) => b[name][core][bin])) / cores.length / 100;
    const kinds = [...new Set(cores.map((core) => b.work[core][bin]).filter((kind) => kind >= 0))].map((kind) => b.kinds[kind]);
    return showTip(event, cores.length > 1 ? `cores ${cores[0]} to ${cores[cores.length - 1]}` : coreName(cores[0]),
      `${time(b.edges[bin])} to ${time(b.edges[bin + 1])}`,
      `busy ${percent(mean("busy"))}, no input ${percent(mean("stalled_input"))}, network ${percent(mean("stalled_network"))}`,
      kinds.join(", "));
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("click", (event) => { const found = at(event); if (found) keep(found[0][0]); });
};

// Rows of the map: cores in their order, several to a row where there are more than rows.
function timelineRows() {
  const working = large.cores.kind.map((_, core) => core).filter((core) => large.cores.cycles.busy[core] > 0);
  const rows = Math.min(working.length, 360), found = [];
  for (let row = 0; row < rows; row++) found.push(working.slice(Math.floor((row * working.length) / rows),
    Math.floor(((row + 1) * working.length) / rows)));
  return found;
}

function drawTimeline() {
  const b = large.bins, s = data.schedule, { by, canvas } = timelineView, rows = timelineRows();
  const width = contentWidth(canvas.parentElement, 780), left = 46, top = 0, plot = width - left,
    high = Math.max(160, Math.min(540, rows.length * 9));
  Object.assign(timelineView, { rows, left, plot, high });
  const bins = b.edges.length - 1, shade = ramp(by === "busy" ? "ramp" : "heat"), card_ = colour("card");
  paint(canvas, width, high + 22, (context) => {
    context.fillStyle = colour("soft");
    context.fillRect(left, top, plot, high);
    rows.forEach((cores, row) => {
      const y = (row * high) / rows.length, tall = high / rows.length + 0.4;
      for (let bin = 0; bin < bins; bin++) {
        let share = 0, kind = -1, most = 0;
        for (const core of cores) {
          share += b[by === "work" ? "busy" : by][core][bin];
          if (b.busy[core][bin] > most) [most, kind] = [b.busy[core][bin], b.work[core][bin]];
        }
        share /= 100 * cores.length;
        if (!share) continue;
        context.globalAlpha = by === "work" ? 0.15 + 0.85 * Math.sqrt(share) : 1;
        context.fillStyle = by === "work" ? (kind < 0 ? card_ : tintOf(kind)) : shade(share);
        context.fillRect(left + (bin * plot) / bins, y, plot / bins + 0.4, tall);
      }
    });
    context.globalAlpha = 1;
    context.fillStyle = colour("dim");
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.fillText("core", left - 6, 10);
    const gaps = Math.max(1, Math.ceil(rows.length / 12));
    for (let row = gaps; row < rows.length; row += gaps) context.fillText(rows[row][0], left - 6,
      (row + 0.5) * (high / rows.length) + 4);
    const x = (cycle) => left + (cycle / s.makespan_cycles) * plot;
    context.textAlign = "center";
    for (let mark = 0; mark <= 5; mark++) { context.textAlign = mark === 0 ? "left" : mark === 5 ? "right" : "center";
      context.fillText(time((mark * s.makespan_cycles) / 5), x((mark * s.makespan_cycles) / 5), high + 15); }
    context.strokeStyle = colour("ink");
    const ends = s.step_end_cycles.flat();
    if (ends.length <= 60) {
      context.lineWidth = 0.8;
      context.setLineDash([3, 4]);
      context.globalAlpha = 0.55;
      for (const end of ends) line(context, x(end), 0, x(end), high);
      context.globalAlpha = 1;
      context.setLineDash([]);
    }
  });
  const used = new Set(b.work.flat()), legend = document.getElementById("timeline-legend");
  legend.replaceChildren(...(by === "work" ? b.kinds.map((name, kind) =>
    (used.has(kind) ? el("span", {}, el("i", { class: "swatch", style: { background: tintOf(kind) } }), name)
    : null)).filter(Boolean) : []), el("span", {}, "dashed: logits of a step"));
}

function stepCard() {
  const s = data.schedule;
  const row = (name, cycles) => [name, whole(cycles), time(cycles)];
  const facts = [row(`latency to the logits of T = ${state.step}`, s.step_cycles[state.step - 1]),
    row(`latency of all ${data.steps} steps`, s.latency_cycles), s.interval_cycles === null ? ["interval between images", "-", "one image alone"]
      : row("interval between images", s.interval_cycles),
    row("makespan", s.makespan_cycles), row(`busiest: ${s.bottleneck.name}`, s.bottleneck.busy_cycles)];
  const box = card("Cycles", el("div", { class: "two" }, table(["<", "cycles", "time"], facts), useCard()));
  if (s.notes.length) box.append(el("ul", { class: "notes" }, s.notes.map((note) => el("li", {}, note))));
  return box;
}

// Where the cycles of cores went, all of one kind together.
function useCard() {
  const c = large.cores, box = el("div", {});
  for (const kind of [0, 1]) {
    const own = c.kind.map((one, core) => [one, core]).filter(([one]) => one === kind).map(([, core]) => core);
    if (!own.length) continue;
    const shares = CYCLES.map(([what, name, tint]) =>
      [name, sum(own.map((core) => c.cycles[what][core])) / own.length / data.schedule.makespan_cycles, tint]);
    box.append(el("h3", {}, `Mean of ${plural(own.length, `${kind ? "EC" : "synapse"} core`)}`), el("div", { class: "stack" },
      shares.map(([, share, tint]) => el("i", { style: { width: `${100 * share}%`, background: `var(--${tint})` } }))),
      el("div", { class: "legend" },
        shares.map(([name, share, tint]) => el("span", {}, el("i", { class: "swatch", style: { background: `var(--${tint})` } }),
        `${name} ${percent(share)}`))));
  }
  return box;
}

function criticalCard() {
  const s = data.schedule, peak = largest(s.critical.map((one) => one.wait_cycles + one.run_cycles));
  return card("Critical path by node",
    dim("Consecutive jobs that nothing could have started earlier; waits and runs sum to the makespan."),
    table(["<node", "<waited, ran", "jobs", "wait", "run", "of all"], s.critical.map((one) => [
    el("code", {}, one.node), el("div", { class: "stack" },
      el("i", { style: { width: `${(100 * one.run_cycles) / peak}%`, background: "var(--snn)" } }),
      el("i", { style: { width: `${(100 * one.wait_cycles) / peak}%`, background: "var(--noc)" } })),
    whole(one.jobs), whole(one.wait_cycles), whole(one.run_cycles),
      percent((one.wait_cycles + one.run_cycles) / s.makespan_cycles)])));
}
