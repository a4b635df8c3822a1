"use strict";
// One core: what lies on it, its limits, its cycles and its heaviest lines.

const KINDS = ["synapse", "ec"];
const coreName = (core) => `core ${core}, ${isEC(core) ? "EC" : "synapse"}`;

function isEC(core) {
  return large.cores.kind[core] === 1;
}

// What a core uses of its limits: [name, used, limit, text].
function useOf(core) {
  return Object.entries(data.mesh.limits[KINDS[large.cores.kind[core]]]).map(([name, limit]) =>
    [name, large.cores.uses[name][core], limit, name.endsWith("memory") ? bits : whole]);
}

function memoryUse(core) {
  const [, used, limit] = useOf(core)[0];
  return used / limit;
}

const partIndex = () => {
  if (!partIndex.found) {
    const { core } = large.parts;
    partIndex.found = new Map();
    core.forEach((number, at) => { if (!partIndex.found.has(number)) partIndex.found.set(number, at); });
  }
  return partIndex.found;
};

function partsOf(core) {
  const p = large.parts, found = [];
  for (let at = partIndex().get(core); at !== undefined && p.core[at] === core; at++) found.push(at);
  return found;
}

function shareOfMakespan(core, what) {
  return large.cores.cycles[what][core] / data.schedule.makespan_cycles;
}

// Short facts, for the tip.
function coreFacts(core) {
  const c = large.cores, facts = [];
  const names = [...new Set(partsOf(core).map((at) => large.audit.nodes[large.parts.node[at]][0]))];
  facts.push(names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : ""));
  facts.push(useOf(core).map(([name, used, limit]) => `${name} ${percent(used / limit)}`).join(", "));
  if (c.top_pj) facts.push(`${energy(c.top_pj[core])} per image`);
  if (c.cycles) facts.push(`busy ${percent(shareOfMakespan(core, "busy"))}, no input ${percent(shareOfMakespan(core, "stalled_input"))}, network ${percent(shareOfMakespan(core, "stalled_network"))}`);
  return facts;
}

function meter(name, share, text, tint) {
  return el("div", { class: "meter" }, el("span", { class: "dim" }, name), el("span", { class: "track" },
    el("i", { style: { width: `${Math.min(100, 100 * share)}%`, background: tint || null } })), el("span", {}, text));
}

const CYCLES = [["busy", "busy", "snn"], ["stalled_input", "no input", "noc"], ["stalled_network", "network", "bad"],
  ["idle", "idle", "mesh"]];

// The panel of a core.
function corePanel(core) {
  const box = el("div", { class: "card side", id: "core-panel" });
  if (core === null) {
    box.append(el("h2", {}, "A core"),
      dim("Point at a core for its figures; click it, or move with the arrow keys and press Enter, to keep it here with its parts and lines."));
    return box;
  }
  const c = large.cores;
  box.append(el("h2", {}, coreName(core), " ", el("small", {}, `tile ${c.x[core]},${c.y[core]}`)));
  box.append(el("h3", {}, "Limits"), ...useOf(core).map(([name, used, limit, text]) => meter(name, used / limit,
    `${text(used)} of ${text(limit)}`)));
  if (c.energy_pj) {
    box.append(el("h3", {}, `Energy per image, T = ${data.steps}`));
    box.append(el("p", { class: "small" }, el("b", {}, energy(c.energy_pj[core])), " executed, ",
      el("b", { "data-figure": "core-energy" }, energy(c.top_pj[core])), ` up to ${data.top}; `, `${whole(c.ops[core] / data.images)} operations`));
  }
  if (c.cycles) {
    box.append(el("h3", {}, `Cycles of ${whole(data.schedule.makespan_cycles)}`),
      ...CYCLES.map(([what, name, tint]) => meter(name, shareOfMakespan(core, what),
      `${whole(c.cycles[what][core])} · ${percent(shareOfMakespan(core, what))}`, `var(--${tint})`)));
    box.append(strip(core));
  }
  box.append(partTable(core));
  const lines = coreLines(core);
  if (lines) box.append(lines);
  return box;
}

function partTable(core) {
  const p = large.parts, parts = partsOf(core);
  const shown = parts.slice(0, 40);
  const rows = shown.map((at) =>
    [el("code", {}, large.audit.nodes[p.node[at]][0] + (p.replica[at] ? ` (replica ${p.replica[at]})` : "")),
    `${p.token_start[at]}-${p.token_stop[at] - 1}`, `${p.out_start[at]}-${p.out_stop[at] - 1}`,
      `${p.in_start[at]}-${p.in_stop[at] - 1}`]);
  if (parts.length > shown.length) rows.push([`${parts.length - shown.length} more`, "", "", ""]);
  return el("div", {}, el("h3", {}, plural(parts.length, "part")), table(["<node", "tokens", "out", "in"], rows));
}

function coreLines(core) {
  const l = large.core_lines;
  if (!l) return el("p", { class: "small dim" }, data.mesh.remapped
    ? "Energy and operations belong to the executed mapping; the schedule re-mapped the network."
    : "A board of so many cores lists no lines per core: EnergyReport.lines(core=...) has them.");
  const first = l.core.indexOf(core);
  if (first < 0) return null;
  const rows = [];
  let last = first;
  for (; l.core[last] === core; last++)
    rows.push([el("span", {}, el("code", {}, large.audit.nodes[l.node[last]][0]), el("br"),
      `${l.roles[l.role[last]]}: ${l.ops[l.op[last]]}`),
      el("span", {}, whole(l.count[last] / l.images[last]), el("br"), `x ${Number(l.pj[last].toPrecision(5))} pJ`),
        energy((l.count[last] * l.pj[last]) / l.images[last])]);
  const rest = l.lines[core] - (last - first);
  if (rest > 0) rows.push([`${rest} lighter lines`, "", ""]);
  return el("div", {}, el("h3", {}, "Heaviest lines"), table(["<node, role: op", "count / image", "energy"], rows));
}

// What the core did over time: busy, no input, network, stacked in bins.
function strip(core) {
  const b = large.bins, W = 320, H = 64, count = b.edges.length - 1, wide = W / count;
  const chart = svg("svg", { viewBox: `0 0 ${W} ${H + 14}`, role: "img", id: "core-strip",
    "aria-label": `What core ${core} did over time` }, svg("rect", { x: 0, y: 0, width: W, height: H, fill: "var(--soft)" }));
  const layersOf = [["busy", "snn"], ["stalled_input", "noc"], ["stalled_network", "bad"]];
  const base = new Array(count).fill(0);
  for (const [what, tint] of layersOf) {
    const below = base.slice();
    b[what][core].forEach((share, at) => { base[at] = Math.min(100, base[at] + share); });
    const level = (values, at) => (H - (values[at] / 100) * H).toFixed(1);
    let path = `M0 ${level(base, 0)}`;
    for (let at = 0; at < count; at++) path += `V${level(base, at)}H${((at + 1) * wide).toFixed(2)}`;
    for (let at = count - 1; at >= 0; at--) path += `V${level(below, at)}H${(at * wide).toFixed(2)}`;
    chart.append(svg("path", { d: `${path}Z`, fill: `var(--${tint})` }));
  }
  chart.append(svg("text", { x: 0, y: H + 12 }, "0"), svg("text", { x: W, y: H + 12, "text-anchor": "end" },
    time(b.edges[count])));
  return el("div", {}, el("h3", {}, "Over time"), chart);
}
