"use strict";
// The audit: sums over lines of op x count x pJ, and the tables that open a figure.

const CHIP = "(chip)";
const MOST_SHOWN = 12;

// The bills that one accounting or rung consists of: from "executed" on each rung adds to the one below.
function billsOf(name) {
  if (name === "executed" || data.additions.includes(name)) {
    const all = ["executed", ...data.additions];
    return all.slice(0, all.indexOf(name) + 1);
  }
  return [name];
}

function lineEnergy(count, price) {
  return price.pj === null ? 0 : (count * price.pj) / price.images;
}

// Lines of one bill through a step: {node, role, price, count, rung}, ANN lines without steps.
function linesOf(bill, side, step) {
  const { node, role, price, count } = large.audit[side][bill];
  return node.map((index, at) => {
    const amount = side === "snn" ? sum(count[at].slice(0, step)) : count[at][0];
    const priced = large.audit.prices[price[at]];
    return { node: index, role: large.audit.roles[role[at]], price: priced, count: amount, energy: lineEnergy(amount, priced),
      rung: bill };
  }).filter((line) => line.count);
}

function allLines(name, side, step) {
  return billsOf(name).flatMap((bill) => linesOf(bill, side, step));
}

// Groups of nodes in graph order: {name, snn: {bill: pJ}, ann: {bill: pJ}, snnTotal, annTotal, nodes}.
function groupsOf(name, key, step) {
  const column = { node: 0, kind: 1, layer: 2 }[key];
  const groups = new Map();
  for (const node of large.audit.nodes)
    if (!groups.has(node[column])) groups.set(node[column], { name: node[column], snn: {}, ann: {}, snnTotal: 0, annTotal: 0 });
  for (const side of ["snn", "ann"])
    for (const line of allLines(name, side, step)) {
      const group = groups.get(large.audit.nodes[line.node][column]);
      group[side][line.rung] = (group[side][line.rung] || 0) + line.energy;
      group[`${side}Total`] += line.energy;
    }
  return [...groups.values()].filter((group) => group.snnTotal || group.annTotal);
}

// The heaviest lines of a side, opened.
function lineTable(lines, total) {
  const heaviest = [...lines].sort((a, b) => b.energy - a.energy);
  const shown = heaviest.slice(0, MOST_SHOWN);
  const rows = shown.map((line) => [
    el("code", {}, line.name ?? large.audit.nodes[line.node][0]), line.role, line.rung, line.price.op,
    perImage(line), line.price.pj === null ? "unpriced" : `x ${Number(line.price.pj.toPrecision(6))}`,
    line.price.pj === null ? "unpriced" : energy(line.energy), total ? percent(line.energy / total) : "-",
    { class: "prose", text: line.price.source },
  ]);
  const rest = heaviest.slice(MOST_SHOWN);
  if (rest.length)
    rows.push([`${whole(rest.length)} lighter lines`, "", "", "", "", "", energy(sum(rest.map((line) => line.energy))),
      total ? percent(sum(rest.map((line) => line.energy)) / total) : "-", ""]);
  return table(["<node", "<role", "<rung", "<op", "count / image", "pJ", "energy", "of it", "<source of pJ"], rows,
    { class: "lines" });
}

function perImage(line) {
  const count = line.count / line.price.images;
  return count >= 100 || Number.isInteger(count) ? whole(count) : count.toFixed(2);
}

// Both sides of one group of nodes (all where null), opened.
function opened(name, step, nodes = null) {
  const box = el("div", {});
  for (const [side, title] of [["snn", `SNN, steps 1 to ${step}`], ["ann", "ANN, one dense pass"]]) {
    const lines = allLines(name, side, step).filter((line) => nodes === null || nodes.has(line.node));
    if (!lines.length) continue;
    const total = sum(lines.map((line) => line.energy));
    box.append(el("h3", {}, `${title}: ${energy(total)}`), lineTable(lines, total));
  }
  return box;
}

// A table row that opens into another below it.
function openingRow(label, cells, open, { left = 1, id = null } = {}) {
  const row = el("tr", {});
  const button = el("button", { type: "button", class: "opens", "aria-expanded": "false", id }, label);
  let below = null;
  button.addEventListener("click", () => {
    if (below) below.remove();
    below = below ? null : el("tr", {}, el("td", { class: "inner", colspan: cells.length + 1 }, open()));
    if (below) row.after(below);
    row.classList.toggle("open", below !== null);
    button.setAttribute("aria-expanded", String(below !== null));
  });
  row.append(el("td", { class: "text" }, button), ...cells.map((cell, at) => cellOf(cell, at + 1 < left)));
  return row;
}
