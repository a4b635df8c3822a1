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
  section.replaceChildren(...[stepCard(), el("div", { class: "two" }, left, el("div", { id: "timeline-side" },
    corePanel(state.core))), s.phases ? phasesCard() : null, criticalCard()].filter(Boolean));
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
      { left: pad, top, plot, high } = timelineView;
    const bin = Math.floor(((event.clientX - box.left - pad) / plot) * (b.edges.length - 1)),
      row = Math.floor(((event.clientY - box.top - top) / high) * rows.length);
    return bin >= 0 && bin < b.edges.length - 1 && row >= 0 && row < rows.length ? [rows[row], bin] : null;
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = at(event), b = large.bins, phase = s.phases && phaseAt(event);
    if (phase) return showTip(event, ...phase);
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
  const width = contentWidth(canvas.parentElement, 780), left = s.phases ? 64 : 46, top = s.phases ? 30 : 0, plot = width - left,
    high = Math.max(160, Math.min(540, rows.length * 9));
  Object.assign(timelineView, { rows, left, top, plot, high });
  const bins = b.edges.length - 1, shade = ramp(by === "busy" ? "ramp" : "heat"), card_ = colour("card");
  paint(canvas, width, top + high + 22, (context) => {
    if (s.phases) drawPhases(context, left, plot);
    context.fillStyle = colour("soft");
    context.fillRect(left, top, plot, high);
    rows.forEach((cores, row) => {
      const y = top + (row * high) / rows.length, tall = high / rows.length + 0.4;
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
    context.fillText("core", left - 6, top + 10);
    const gaps = Math.max(1, Math.ceil(rows.length / 12));
    for (let row = gaps; row < rows.length; row += gaps) context.fillText(rows[row][0], left - 6,
      top + (row + 0.5) * (high / rows.length) + 4);
    const x = (cycle) => left + (cycle / s.makespan_cycles) * plot;
    context.textAlign = "center";
    for (let mark = 0; mark <= 5; mark++) { context.textAlign = mark === 0 ? "left" : mark === 5 ? "right" : "center";
      context.fillText(time((mark * s.makespan_cycles) / 5), x((mark * s.makespan_cycles) / 5), top + high + 15); }
    context.strokeStyle = colour("ink");
    const ends = s.step_end_cycles.flat();
    if (ends.length <= 60) {
      context.lineWidth = 0.8;
      context.setLineDash([3, 4]);
      context.globalAlpha = 0.55;
      for (const end of ends) line(context, x(end), top, x(end), top + high);
      context.globalAlpha = 1;
      context.setLineDash([]);
    }
  });
  const used = new Set(b.work.flat()), legend = document.getElementById("timeline-legend");
  legend.replaceChildren(...(by === "work" ? b.kinds.map((name, kind) =>
    (used.has(kind) ? el("span", {}, el("i", { class: "swatch", style: { background: tintOf(kind) } }), name)
    : null)).filter(Boolean) : []), el("span", {}, "dashed: logits of a step"));
}

// Two lanes above the cores: weights that load, and phases at work, neighbours in two shades; what is too narrow shows a pixel.
function drawPhases(context, left, plot) {
  const p = data.schedule.phases, x = (cycle) => left + (cycle * plot) / data.schedule.makespan_cycles;
  const lanes = [["weights in", p.load_start_cycles, p.load_end_cycles, 2], ["phases", p.start_cycles, p.end_cycles, 15]];
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  for (const [name, begin, end, y] of lanes) {
    context.fillStyle = colour("dim");
    context.fillText(name, left - 6, y + 9);
    p.phase.forEach((number, at) => {
      context.fillStyle = colour(name === "phases" ? "snn" : "noc");
      context.globalAlpha = number % 2 ? 0.45 : 0.9;
      if (end[at] > begin[at]) context.fillRect(x(begin[at]), y, Math.max(x(end[at]) - x(begin[at]), 0.6), 11);
    });
    context.globalAlpha = 1;
  }
}

// What the lane under the pointer shows: title and lines of a tip.
function phaseAt(event) {
  const p = data.schedule.phases, { canvas, left, plot, top } = timelineView, box = canvas.getBoundingClientRect();
  const y = event.clientY - box.top, cycle = ((event.clientX - box.left - left) * data.schedule.makespan_cycles) / plot;
  if (y < 0 || y >= top) return null;
  const loads = y < 14, [begin, end] = loads ? [p.load_start_cycles, p.load_end_cycles] : [p.start_cycles, p.end_cycles];
  const at = begin.findIndex((start, row) => start <= cycle && cycle < end[row]);
  if (at < 0) return null;
  return [`phase ${p.phase[at] + 1}${loads ? ", weights in" : ""}`, `${time(begin[at])} to ${time(end[at])}`,
    loads ? bytes(p.loaded_bits[at] / 8) : `${p.nodes[p.phase[at]]}; ${bytes(p.moved_bits[at] / 8)} read and stored`];
}

function phasesCard() {
  const p = data.schedule.phases, took = p.start_cycles.map((start, at) => p.end_cycles[at] - start), count = took.length, most = 12;
  const shown = took.map((_, at) => at).sort((a, b) => took[b] - took[a] || a - b).slice(0, most).sort((a, b) => a - b);
  const rows = shown.map((at) => [`${p.phase[at] + 1}`, el("code", {}, p.nodes[p.phase[at]]), p.images[at] === 1 ? p.first_image[at] + 1 : `${p.first_image[at] + 1} to ${p.first_image[at] + p.images[at]}`,
    bytes(p.loaded_bits[at] / 8),
    time(p.load_start_cycles[at]), time(p.start_cycles[at]), time(p.end_cycles[at]), percent(took[at] / data.schedule.makespan_cycles),
    bytes(p.moved_bits[at] / 8)]);
  return card(count > most ? `The longest ${most} of ${whole(count)} phases in time` : `${plural(count, "phase")} in time`,
    dim("A phase loads its weights from DRAM, takes its images through all steps, and stores what later phases read."),
    table(["phase", "<nodes", "image", "weights", "loads from", "works from", "ends", "of all", "moved"], rows, { id: "phases" }));
}

function stepCard() {
  const s = data.schedule;
  const row = (name, cycles) => [name, whole(cycles), time(cycles)];
  const facts = [row(`latency to the logits of T = ${state.step}`, s.step_cycles[state.step - 1]),
    row(`latency of all ${data.steps} steps`, s.latency_cycles), ...(s.images > 1 ? [row("interval between images", s.interval_cycles)] : []),
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
    // Cores of several phases share a seat: what they do adds up there, and a seat is idle the rest of the time.
    const seats = (data.fit.kinds.find((one) => (one.kind === "ec" ? 1 : 0) === kind) || { used: own.length }).used;
    const shares = CYCLES.map(([what, name, tint]) =>
      [name, sum(own.map((core) => c.cycles[what][core])) / seats / data.schedule.makespan_cycles, tint]);
    if (seats < own.length) shares[shares.length - 1][1] = 1 - sum(shares.slice(0, -1).map(([, share]) => share));
    box.append(el("h3", {}, `Mean of ${plural(seats, `${kind ? "EC" : "synapse"} core`)}`), el("div", { class: "stack" },
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
