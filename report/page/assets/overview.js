"use strict";
// Headline, Table 1 per step, and the energy ladder.

const accounting = (name) => data.accountings.find((one) => one.name === name);
const now = (values) => values[state.step - 1];

views.overview = (section) => {
  section.replaceChildren(...[verdict(), tiles(), tableOne(), ladder(), powerCard(), memoryCard()].filter(Boolean));
};

function verdict() {
  const first = accounting(data.rungs[0]), top = accounting(data.top);
  const box = el("div", { class: "card" });
  if (data.unpriced.length) {
    const ops = [...new Set(data.unpriced.map((line) => line.op))].join(", ");
    box.append(el("p", { class: "lead bad" },
      `Operations without a price (${ops}) stand in no total, so there is no ratio: price them in the chip file.`));
    return box;
  }
  const counted = { executed: "all executed operations", memory: "memories", noc: "memories and network",
    static: "memories, network and static power" }[data.top];
  box.append(el("p", { class: "lead" },
    `SNN cheaper than one pass of its ANN: by the published formula (eq30) ${first.cheaper}, `,
    el("b", {}, `with ${counted} counted ${top.cheaper}`), "."));
  return box;
}

function tile(title, big, small, ...lines) {
  return el("div", { class: "card tile" }, el("h2", {}, title), el("div", { class: "big" }, big,
    small ? el("small", {}, ` ${small}`) : null), ...lines.filter(Boolean).map((line) => el("p", {}, line)));
}

function tiles() {
  const top = accounting(data.top), step = state.step;
  const shown = top.ratio ? now(top.ratio) : null;
  const figure = (name, text, extra = "") => el("span", { "data-figure": name, class: extra || null }, text);
  const opening = (name, text, extra = "") => el("button", { type: "button", class: `figure ${extra}`, "data-figure": name,
    title: "open into operations x count x pJ", on: { click: () => openFigure(data.top, step) } }, text);
  const others = data.accountings.filter((one) => one.name !== data.top && ["eq30", "released", "executed"].includes(one.name));
  const box = el("div", { class: "tiles" },
    tile("Energy, SNN over ANN", opening("headline-ratio", ratio(shown), shown === null ? "" : shown < 1 ? "good" : "bad"),
      `up to ${data.top}`,
      others.map((one) => `${one.name} ${one.ratio ? ratio(now(one.ratio)) : "unpriced"}`).join(" · ")),
    tile("Energy per image", opening("headline-snn", energy(now(top.snn_pj))), "",
      el("span", {}, "ANN ", opening("headline-ann", energy(top.ann_pj)), `, ${data.number_format}`)));
  const { snn, ann, agreement } = data.accuracy;
  const same = agreement ? `answers of the ANN: ${percent(now(agreement), 2)}` : "";
  box.append(snn ? tile("Accuracy", figure("headline-accuracy", percent(now(snn), 2)), "", ann === null ? "ANN unknown"
    : `ANN ${percent(ann, 2)}, ${plural(data.images, "image")}`, same)
    : agreement ? tile("Agreement with the ANN", figure("headline-agreement", percent(now(agreement), 2)), "",
      `${plural(data.images, "image")} without labels: accuracy unknown`)
    : tile("Accuracy", "-", "", data.synthetic.length ? "none: the activity is synthetic"
      : `unknown: ${plural(data.images, "image")} without labels`));
  for (const one of data.equal) box.append(equalTile(one, figure));
  const schedule = data.schedule;
  box.append(schedule ? tile("Latency", figure("headline-latency", time(schedule.step_cycles[step - 1])), "",
    schedule.images_per_second === null ? "one image alone: no throughput"
      : `${schedule.images_per_second.toLocaleString("en-US", { maximumFractionDigits: 1 })} images/s after ${data.steps} steps`,
    `busiest: ${schedule.bottleneck.name}, ${percent(schedule.bottleneck.share)}`)
    : tile("Latency", "-", "", "not scheduled: synaptile report RUN --html FILE --with-schedule"));
  const fit = data.fit, most = fit.fullest[0], chips = fit.board[0] * fit.board[1];
  box.append(tile("Fits", figure("headline-fits", "yes", "good"), chips > 1 ? `on ${fit.board[0]} x ${fit.board[1]} chips`
    : "on one chip",
    fit.kinds.map((one) => `${whole(one.used)} of ${whole(one.there)} ${one.kind === "ec" ? "EC" : one.kind}`).join(", ")
      + " cores",
    `tightest: ${most.what} of ${most.kind === "ec" ? "EC" : most.kind} core ${most.core}, ${percent(most.used / most.limit)}`));
  return box;
}

// The comparison that counts: what the SNN has spent when it answers as well as the ANN.
function equalTile(one, figure) {
  const title = `SNN over ANN at equal ${one.measure}`, wanted = `within 1 point of the ANN's: ${percent(one.wanted, 2)}`;
  if (one.step === null)
    return tile(title, figure(`headline-equal-${one.measure}`, "-"), "", `not by T=${data.steps}: best ${percent(one.best, 2)} at T=${one.best_step}`);
  const value = one.ratios[data.top];
  return tile(title, figure(`headline-equal-${one.measure}`, ratio(value), value === null ? "" : value < 1 ? "good" : "bad"),
    `from T=${one.step}, up to ${data.top}`, wanted);
}

// The lines behind a figure: the energy view, on its accounting and step.
function openFigure(name, step) {
  energyView.accounting = name;
  if (step !== state.step) setStep(step);
  drawn.delete("energy");
  show("energy", true);
}

function shownSteps(most = 14) {
  const all = Array.from({ length: data.steps }, (_, at) => at + 1);
  if (all.length <= most) return all;
  return [...new Set(Array.from({ length: most },
    (_, at) => Math.round(1 + (at * (data.steps - 1)) / (most - 1))).concat(state.step))].sort((a, b) => a - b);
}

function tableOne() {
  const steps = shownSteps();
  const rows = [];
  if (data.accuracy.snn) {
    const { snn, ann } = data.accuracy;
    rows.push(["accuracy, %", ann === null ? "-" : (100 * ann).toFixed(2),
      ...steps.map((step) => ({ text: (100 * snn[step - 1]).toFixed(2), class: step === state.step ? "now" : "" }))]);
  }
  if (data.accuracy.agreement)
    rows.push(["as the ANN, %", "100", ...steps.map((step) => ({ text: (100 * data.accuracy.agreement[step - 1]).toFixed(2),
      class: step === state.step ? "now" : "" }))]);
  if (data.schedule)
    rows.push(["latency, ms", data.ann_latency_ms === null ? "-" : data.ann_latency_ms.toPrecision(4),
      ...steps.map((step) => ({ text: (data.schedule.step_cycles[step - 1] / (1e3 * data.schedule.clock_mhz)).toPrecision(4),
      class: step === state.step ? "now" : "" }))]);
  for (const one of data.accountings)
    rows.push([`ratio ${one.name}`, "1", ...steps.map((step) => {
      const value = one.ratio ? one.ratio[step - 1] : null;
      const text = value === null ? "unpriced" : ratio(value);
      // One stop of the keyboard per row is enough: the step has a slider of its own.
      const open = el("button", { type: "button", class: "figure", tabindex: step === state.step ? null : -1,
        title: `open ${one.name} at T = ${step}`, on: { click: () => openFigure(one.name, step) } }, text);
      return { text: open, figure: `ratio-${one.name}-${step}`,
        class: `${step === state.step ? "now" : ""}${value !== null && value < 1 ? " under" : ""}` };
    })]);
  return card("Per step", dim("Energy ratio: steps so far over one pass of the ANN, as in the paper's Table 1. Green: the SNN is cheaper."),
    table(["<", "ANN", ...steps.map((step) => `T=${step}`)], rows));
}

// What each rung adds, bottom first, for the stacked bars.
function layers() {
  return data.additions.length || data.rungs.includes("executed") ? ["executed", ...data.additions] : [];
}

function added(name, side, step) {
  const all = layers(), at = all.indexOf(name);
  const total = (rung) => (side === "snn" ? accounting(rung).snn_pj[step - 1] : accounting(rung).ann_pj);
  return total(name) - (at ? total(all[at - 1]) : 0);
}

function ladder() {
  const rows = data.rungs.map((name) => {
    const one = accounting(name);
    const value = one.ratio ? now(one.ratio) : null;
    return openingRow(el("span", {}, el("i", { class: "swatch", style: { background: `var(--${name})` } }), name), [
      { class: "prose", text: one.title }, { text: energy(now(one.snn_pj)), figure: `ladder-snn-${name}` },
        { text: energy(one.ann_pj), figure: `ladder-ann-${name}` },
      { text: ratio(value), figure: `ladder-ratio-${name}`, class: value !== null && value < 1 ? "under" : "" }, one.cheaper,
    ], () => opened(name, state.step), { left: 2, id: `rung-${name}` });
  });
  for (const [name, why] of Object.entries(data.missing))
    rows.push(el("tr", {}, el("td", { class: "text dim" }, name), el("td", { class: "prose" }, why), ...Array.from({ length: 4 },
      () => el("td", {}, "-"))));
  const body = el("tbody", {}, rows);
  const head = ["<rung", "<what counts", "SNN", "ANN", "SNN / ANN", "SNN cheaper"].map((name) =>
    el("th", { class: name.startsWith("<") ? "text" : null, scope: "col" }, name.replace("<", "")));
  return el("div", { class: "card long" }, el("h2", {}, `Energy ladder at T = ${state.step}, per image`),
    dim("Each rung holds the one below it. The bars stack what the rungs add: the ANN's one pass first, then the SNN after every number of steps. Open a rung for the lines behind it."),
    ladderChart(), el("div", { class: "scroll" }, el("table", { id: "ladder" }, el("thead", {}, el("tr", {}, head)), body)));
}

// Time, power and energy-delay product of both sides.
function powerCard() {
  if (!data.power) return null;
  const sheets = data.power[state.step - 1].flatMap((sheet, at) => [at ? el("h3", {}, sheet.title) : el("h2", {}, sheet.title),
    table(["<" + sheet.header[0], ...sheet.header.slice(1)], sheet.rows, { id: ["times", "power", "products"][at] }), dim(sheet.caption)]);
  return el("div", { class: "card long" }, ...sheets);
}

// Traffic of every level of memory, and both sides in one dataflow beside each side at its best.
function memoryCard() {
  const memory = data.memory;
  if (!memory) return null;
  const levels = memory.levels[state.step - 1], sides = [["snn", "SNN"], ["ann", "ANN"]];
  const peak = largest(levels.flatMap((level) => sides.map(([side]) => level[side].energy_pj || 0))) || 1;
  const bar = (side, pj) => el("div", { class: "stack" },
    el("i", { style: { width: `${(100 * (pj || 0)) / peak}%`, background: `var(--${side})` } }));
  const traffic = table(["<memory", ...sides.flatMap(([, name]) => [`${name} accesses`, "bytes", "energy", "<"])],
    levels.map((level) => [level.name, ...sides.flatMap(([side]) => { const one = level[side];
      return [whole(Math.round(one.accesses)), bytes(one.bytes), { text: energy(one.energy_pj),
        figure: `level-${side}-${level.name.replace(/ /g, "-")}` }, bar(side, one.energy_pj)]; })]), { id: "levels" });
  const best = memory.best[state.step - 1].map((rung) => { const same = accounting(rung.name);
    const under = (value) => (value !== null && value < 1 ? "under" : "");
    const value = same.ratio ? now(same.ratio) : null;
    return [rung.name, energy(now(same.snn_pj)), energy(same.ann_pj), { text: ratio(value), class: under(value) },
      energy(rung.snn_pj), energy(rung.ann_pj), { text: ratio(rung.ratio), class: under(rung.ratio), figure: `best-${rung.name}` }]; });
  return el("div", { class: "card long" }, el("h2", {}, `Memories at T = ${state.step}, per image`), dim(memory.residency), traffic,
    el("h3", {}, "Same dataflow, and each side at its best token block"),
    table(["<rung", "SNN", "ANN", "SNN / ANN", "SNN, best", "ANN, best", "best / best"], best, { id: "best" }),
    ...memory.blocks.map(dim));
}

function ladderChart() {
  const W = 1160, H = 290, left = 62, bottom = 26, top = 12;
  const stack = layers();
  const columns = [["ANN", "ann", 1], ...Array.from({ length: data.steps }, (_, at) => [`${at + 1}`, "snn", at + 1])];
  const peak = Math.max(accounting(data.top).ann_pj, largest(accounting(data.top).snn_pj));
  const marks = ticks(peak), most = marks[marks.length - 1];
  const y = (pj) => H - bottom - (pj / most) * (H - bottom - top);
  const pitch = (W - left) / (columns.length + 0.6);
  const chart = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img",
    "aria-label": "Energy of the ANN and of the SNN after each step, stacked by rung" });
  for (const mark of marks)
    chart.append(svg("line", { class: "grid", x1: left, x2: W, y1: y(mark), y2: y(mark) }),
      svg("text", { x: left - 8, y: y(mark) + 4, "text-anchor": "end" }, mark ? energy(mark).replace(/\.?0+ /, " ") : "0"));
  columns.forEach(([label, side, step], at) => {
    const x = left + (at ? 0.6 : 0) * pitch + at * pitch, wide = pitch * 0.66, inset = (pitch - wide) / 2;
    const chosen = side === "snn" && step === state.step;
    const group = svg("g", { class: "col", tabindex: side === "snn" ? 0 : null, role: side === "snn" ? "button" : null,
      "aria-label": side === "snn" ? `Show T = ${step}` : "ANN" },
      svg("rect", { class: chosen ? "halo now" : "halo", x, y: top - 6, width: pitch, height: H - top - 2, rx: 5 }));
    let base = 0;
    for (const name of stack) {
      const value = added(name, side, step);
      const bar = svg("rect", { x: x + inset, width: wide, y: y(base + value), height: Math.max(y(base) - y(base + value), 0),
        fill: `var(--${name})` });
      bar.addEventListener("pointermove", (event) => showTip(event, `${side === "ann" ? "ANN" : `SNN, T = ${step}`}: ${name}`,
        `adds ${energy(value)}`, `${percent(value / (side === "ann" ? accounting(data.top).ann_pj : accounting(data.top).snn_pj[step - 1]))} of it`));
      bar.addEventListener("pointerleave", hideTip);
      group.append(bar);
      base += value;
    }
    const every = Math.ceil(data.steps / 32);
    if (!at || step % every === 0 || step === 1) group.append(svg("text", { x: x + pitch / 2, y: H - 8,
      "text-anchor": "middle" }, at ? (columns.length < 20 ? `T=${label}` : label) : label));
    if (side === "snn") {
      group.addEventListener("click", () => setStep(step));
      group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault();
        setStep(step); } });
    }
    chart.append(group);
  });
  const pass = y(accounting(data.top).ann_pj);
  chart.append(svg("line", { x1: left, x2: W, y1: pass, y2: pass, stroke: "var(--ink)", "stroke-dasharray": "4 4",
    "stroke-width": 1, "pointer-events": "none" }),
    svg("line", { class: "axis", x1: left, x2: W, y1: y(0), y2: y(0) }));
  const legend = el("div", { class: "legend" },
    stack.map((name) => el("span", {}, el("i", { class: "swatch", style: { background: `var(--${name})` } }), name)),
    el("span", {}, "- - one pass of the ANN"));
  return el("div", {}, legend, chart);
}
