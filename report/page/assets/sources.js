"use strict";
// What figures rest on: notes, prices, the chip's figures, provenance.

views.sources = (section) => {
  const prose = (text) => ({ class: "prose", text });
  const notes = [...data.notes, ...Object.entries(data.missing).map(([rung, why]) => `Rung ${rung} ${why}.`)];
  const assumed = data.chip_figures.filter(([, , origin]) => origin.startsWith("assumed")).length;
  section.replaceChildren(
    el("div", { class: "card" }, el("h2", {}, "What to know about these figures"), el("ul", { class: "notes" },
      notes.map((note) => el("li", {}, note)), data.chip.lacks.map((lack) => el("li", {}, `${data.chip.name} lacks: ${lack}`)))),
    el("div", { class: "card long" }, el("h2", {}, "Prices"),
      dim("Energy of one operation in pJ and where it comes from. Special functions are priced by the primitive operations that they take."),
      table(["<for", "<operation", "pJ", "<source"], data.prices.map((price) => [price.set, price.op, price.pj === null
        ? { class: "bad", text: "unpriced" } : String(Number(price.pj.toPrecision(6))), prose(price.source)]))),
    el("div", { class: "card long" }, el("h2", {}, `Figures of ${data.chip.name}`),
      dim(`${data.chip.description} ${assumed} of ${data.chip_figures.length} figures are assumptions, each with its reason.`),
      table(["<figure", "value", "<where it comes from"], data.chip_figures.map(([name, value, origin]) => [el("code", {}, name),
        value, prose(origin)]))),
    el("div", { class: "card long" }, el("h2", {}, "Provenance"),
      table(["<", "<"], data.provenance.map(([name, text]) => [name, el("code", {}, text)]))));
};
