"use strict";
// Where the energy goes: per kind, layer or node, on any accounting or rung, every row opening into its lines.

const energyView = { accounting: data.top, key: "kind", filter: "", order: "graph" };

views.energy = (section) => {
  const again = (change) => (value) => { Object.assign(energyView, { [change]: value }); views.energy(section); };
  const { accounting: name, key } = energyView, bills = billsOf(name);
  const groups = groupsOf(name, key, state.step);
  if (energyView.order === "heaviest") groups.sort((a, b) => b.snnTotal - a.snnTotal);
  const snn = sum(groups.map((group) => group.snnTotal)), ann = sum(groups.map((group) => group.annTotal));
  const rows = el("tbody", {});
  const search = el("input", { type: "search", placeholder: `find a ${key}`, value: energyView.filter,
    "aria-label": `find a ${key}`, on: { input: (event) => { energyView.filter = event.target.value; list(); } } });
  const peak = largest(groups.map((group) => Math.max(group.snnTotal, group.annTotal)));
  const list = () => rows.replaceChildren(...groups.filter((group) => group.name.includes(energyView.filter)).map((group) =>
    groupRow(group, name, key, { snn, ann, peak })));
  list();
  const head = [`<${key}`, "<SNN above, ANN below", "SNN", "of SNN", "ANN", "SNN / ANN", "part of the ratio"].map((title) =>
    el("th", { class: title.startsWith("<") ? "text" : null, scope: "col" }, title.replace("<", "")));
  section.replaceChildren(el("div", { class: "card long" },
    el("h2", {}, `Energy per ${key} at T = ${state.step}: SNN ${energy(snn)}, ANN ${energy(ann)}`),
    dim(`${bills.length > 1 ? `Rungs ${bills.join(" + ")}` : `${name}: ${accounting(name).title}`}. Rows open into operations x count x pJ, with the source of each price.`),
    el("div", { class: "controls" }, pick("Accounting", data.accountings.map((one) => [one.name, one.name]), name,
      again("accounting")),
      pick("Group by", [["kind", "kind"], ["layer", "layer"], ["node", "node"]], key, again("key")),
      pick("Order", [["graph", "graph order"], ["heaviest", "heaviest first"]], energyView.order, again("order")), search),
    bills.length > 1 ? el("div", { class: "legend" },
      bills.map((bill) => el("span", {}, el("i", { class: "swatch", style: { background: `var(--${bill})` } }), bill))) : null,
    el("div", { class: "scroll" }, el("table", { id: "groups" }, el("thead", {}, el("tr", {}, head)), rows))),
    splitCard());
};

function groupRow(group, name, key, { snn, ann, peak }) {
  const nodes = new Set();
  const column = { node: 0, kind: 1, layer: 2 }[key];
  large.audit.nodes.forEach((node, at) => { if (node[column] === group.name) nodes.add(at); });
  const own = group.annTotal ? group.snnTotal / group.annTotal : null;
  return openingRow(group.name, [bars(group, name, peak), { text: energy(group.snnTotal), figure: `snn-${group.name}` },
    percent(group.snnTotal / snn), { text: energy(group.annTotal), figure: `ann-${group.name}` },
    { text: ratio(own), class: own !== null && own < 1 ? "under" : "" }, ann ? ratio(group.snnTotal / ann) : "-"],
      () => opened(name, state.step, nodes), { left: 2 });
}

function bars(group, name, peak) {
  const stack = (side) => el("div", { class: `stack ${side}` }, billsOf(name).map((bill) => {
    const value = group[side][bill] || 0;
    return el("i", { style: { width: `${(100 * value) / peak}%`, background: `var(--${bill})` },
      on: { pointermove: (event) => showTip(event, `${group.name}: ${bill}`, `${side.toUpperCase()} ${energy(value)}`),
      pointerleave: hideTip } });
  }));
  return el("div", { class: "pair" }, stack("snn"), stack("ann"));
}

// The rungs of the ladder, op by op.
function splitCard() {
  const totals = new Map();
  for (const side of ["snn", "ann"])
    for (const bill of layers())
      for (const line of linesOf(bill, side, state.step)) {
        const key = `${bill} ${line.price.op}`;
        const row = totals.get(key) || { rung: bill, op: line.price.op, price: line.price, snn: 0, ann: 0, count: 0 };
        row[side] += line.energy;
        if (side === "snn") row.count += line.count / line.price.images;
        totals.set(key, row);
      }
  const rows = [...totals.values()].sort((a, b) => b.snn - a.snn);
  const whole_ = sum(rows.map((row) => row.snn));
  return el("div", { class: "card long" }, el("h2", {}, `Operations of all rungs at T = ${state.step}`),
    table(["<op", "<rung", "SNN count / image", "pJ", "SNN", "of SNN", "ANN", "<source of pJ"], rows.map((row) => [
      row.op, el("span", {}, el("i", { class: "swatch", style: { background: `var(--${row.rung})` } }), row.rung),
        whole(row.count),
      row.price.pj === null ? "unpriced" : `x ${Number(row.price.pj.toPrecision(6))}`, row.price.pj === null ? "unpriced"
        : energy(row.snn), percent(row.snn / whole_), energy(row.ann), { class: "prose", text: row.price.source },
    ])));
}
