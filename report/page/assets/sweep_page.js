"use strict";
// Everything around the chart: tiles, controls, the point that is told about, tables.

const MOST_ROWS = 100;

function byId(id) {
  return document.getElementById(id);
}

function tiles() {
  const box = (title, big, small, text, figure) => el("div", { class: "card tile" }, el("h2", {}, title),
    el("div", { class: "big" }, el("span", { "data-figure": figure }, big), small ? el("small", {}, ` ${small}`) : null),
    el("p", {}, text));
  const found = [
    box("Points", whole(data.points), `of ${whole(data.planned)}`, data.failed ? `${whole(data.failed)} failed, see below`
      : "none failed", "points"),
    box("On the front", whole(data.front), "", `no other beats them in ${data.objectives.join(", ")}`, "front"),
    box(data.synthetic ? "Activity drawn" : "Network executed", data.executions === 1 ? "once"
      : `${whole(data.executions)} times`, "", "shared by all points that differ in chip or mapping", "executions"),
  ];
  byId("tiles").replaceChildren(...found);
}

function best() {
  const rows = data.objectives.filter((name) => figureOf.has(name) && data.front).map((name) => {
    const sign = figureOf.get(name).better === "high" ? -1 : 1;
    const at = evaluated().filter((one) => large.front[one]).sort((a, b) =>
      sign * (large.figures[name][a] - large.figures[name][b]))[0];
    return [titleOf(name), { text: figureText(name, large.figures[name][at]), figure: `best-${name}` }, String(large.point[at]),
      { class: "prose", text: placeOf(at) }];
  });
  byId("best").replaceChildren(el("h2", {}, "Best of each objective"),
    rows.length ? table(["<objective", "best", "point", "<where"], rows)
    : dim("No point has all objectives, so there is no Pareto front."));
}

function controls() {
  const figures = data.figures.filter((figure) => figure.kind !== "text");
  const select = (key, names) => {
    const options = names.map(([value, text]) => el("option", { value, selected: value === chosen[key] }, text));
    return el("select", { id: `choose-${key}`, on: { change: (event) => { chosen[key] = event.target.value; update(); } } },
      options);
  };
  const all = [...figures.map((figure) => [figure.name, titleOf(figure.name)]),
    ...data.axes.map((axis) => [axis, `varied: ${axis}`])];
  const tick = (key, text) => el("label", {},
    el("input", { type: "checkbox", id: `choose-${key}`, on: { change: (event) => { chosen[key] = event.target.checked; update();
    } } }), text);
  byId("controls").replaceChildren(
    el("label", {}, "x", select("x", all)), tick("logX", "log"),
    el("label", {}, "y", select("y", all)), tick("logY", "log"),
    el("label", {}, "colour", select("colour", [["front", "front or not"], ...data.axes.map((axis) => [axis, axis]),
      ...figures.map((figure) => [figure.name, titleOf(figure.name)])])));
}

function detail() {
  const at = chosen.hover ?? chosen.point;
  const box = byId("detail");
  if (at === null) {
    box.replaceChildren(el("h2", {}, "A point"),
      dim("Hover over a point, or go to the chart and use the arrow keys; Enter or a click keeps it here."));
    return;
  }
  const rows = data.axes.map((axis) => [el("span", { title: axis }, data.short[axis]), labelText(large.labels[axis][at])]);
  const figures = data.figures.map((figure) => [titleOf(figure.name),
    { text: figureText(figure.name, large.figures[figure.name][at]), figure: `point-${figure.name}`,
    class: figure.kind === "text" ? "wraps" : null }]);
  box.replaceChildren(
    el("h2", {}, `Point ${large.point[at]} `, large.front[at] ? el("span", { class: "badge" }, "on the front") : null,
      chosen.point === at ? el("small", {}, " kept") : null),
    el("h3", {}, "Where"), table(["<", ""], rows, { id: "detail-where" }),
    el("h3", {}, "Figures"), table(["<", ""], figures));
}

function rowsShown() {
  const wanted = { front: (at) => large.front[at], all: () => true, failed: (at) => large.reason[at] >= 0 }[chosen.shown];
  const rows = large.point.map((_, at) => at).filter(wanted);
  const name = chosen.sort ?? (chosen.shown === "front" ? data.objectives[0] : null);
  if (name === null) return rows;
  const values = numbersOf(name).values, sign = chosen.down ? -1 : 1;
  const last = (at) => values[at] === null || values[at] === undefined;
  return rows.sort((a, b) => last(a) - last(b) || sign * (values[a] - values[b]) || a - b);
}

function pointsTable() {
  const names = [...data.axes, ...new Set([...data.objectives, ...[chosen.x, chosen.y].filter((name) => !isAxis(name))])];
  const failed = chosen.shown === "failed";
  const shown = failed ? data.axes : names;
  const rows = rowsShown();
  const head = [el("th", {}, "point"), ...shown.map((name) => el("th", { class: isAxis(name) ? "text" : null, scope: "col",
    "aria-sort": chosen.sort === name ? (chosen.down ? "descending" : "ascending") : null },
    el("button", { type: "button", class: "sort", on: { click: () => { chosen.down = chosen.sort === name && !chosen.down;
      chosen.sort = name; pointsTable(); } } }, isAxis(name) ? data.short[name] : name.replace(/_pj$/, ""), chosen.sort === name
      ? (chosen.down ? " ▾" : " ▴") : "")))];
  if (failed) head.push(el("th", { class: "text" }, "reason"));
  const body = rows.slice(0, chosen.rows).map((at) => {
    const keep = () => { chosen.point = chosen.point === at ? null : at; update(); };
    const mark = large.front[at] && chosen.shown !== "front" ? el("span", { class: "badge" }, "front") : null;
    return el("tr", { class: chosen.point === at ? "chosen" : null, "data-point": large.point[at], on: { click: keep } },
      el("td", {}, mark, " ", el("button", { type: "button", class: "sort", "aria-pressed": String(chosen.point === at),
        on: { click: (event) => { event.stopPropagation(); keep(); } } }, String(large.point[at]))),
      ...shown.map((name) => el("td", { class: isAxis(name) ? "text" : null }, large.reason[at] >= 0 && !isAxis(name) ? "failed"
        : textOf(name, at))),
      failed ? el("td", { class: "prose" }, data.reasons[large.reason[at]].reason) : null);
  });
  const pick = el("div", { class: "pick", role: "group", "aria-label": "Which points" },
    [["front", `front (${whole(data.front)})`], ["all", `all (${whole(data.points)})`],
    ["failed", `failed (${whole(data.failed)})`]].map(([name, text]) =>
    el("button", { type: "button", "aria-pressed": String(chosen.shown === name),
      on: { click: () => { chosen.shown = name; chosen.rows = MOST_ROWS;
      if (name === "failed" && !isAxis(chosen.sort ?? "")) chosen.sort = null; pointsTable(); } } }, text)));
  const more = rows.length > chosen.rows ? el("p", { class: "dim" },
    `${whole(chosen.rows)} of ${whole(rows.length)} are listed. `,
    el("button", { type: "button", on: { click: () => { chosen.rows *= 10; pointsTable(); } } }, "More")) : null;
  byId("points").replaceChildren(...[el("h2", {}, "Points"), el("div", { class: "controls" }, pick),
    rows.length ? el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)))
      : dim("None."), more].filter(Boolean));
}

function reasons() {
  const rows = data.reasons.map((one) => [{ class: "says", text: one.reason },
    { text: whole(one.count), figure: `reason-${one.first}` }, String(one.first), { class: "says", text: one.message }]);
  byId("reasons").replaceChildren(el("h2", {}, `Failed: ${plural(data.failed, "point")}`),
    dim("Counted by reason; what the first of them said stands beside it."),
    table(["<reason", "points", "first", "<what it said"], rows));
}

function about() {
  byId("about").replaceChildren(el("h2", {}, "What was swept"), data.description ? el("p", {}, data.description) : "",
    el("ul", { class: "notes" }, data.notes.map((note) => el("li", {}, note))),
    el("h3", {}, "Settings"), table(["<", "<"], [["network", data.facts.network], ["images", data.facts.images],
      ...data.settings].map(([name, value]) => [el("code", {}, name), { class: "prose", text: value }])));
}

function update() {
  drawChart();
  detail();
  pointsTable();
}

function hover(at, event) {
  if (at !== chosen.hover) {
    chosen.hover = at;
    drawChart();
    detail();
  }
  canvas.dataset.hover = at === null ? "" : large.point[at];
  if (at === null) return hideTip();
  const lines = [...new Set([chosen.x, chosen.y, ...data.objectives])].filter((name) => !isAxis(name)).map((name) =>
    `${titleOf(name)}: ${figureText(name, large.figures[name][at])}`);
  showTip(event, `Point ${large.point[at]}${large.front[at] ? ", on the front" : ""}`,
    ...data.axes.map((axis) => `${data.short[axis]}: ${labelText(large.labels[axis][at])}`), ...lines);
}

function hoverByKey(direction) {
  const at = nextPoint(direction);
  if (at === null) return;
  const place = drawn.points.indexOf(at), box = canvas.getBoundingClientRect();
  hover(at, { clientX: box.left + drawn.x[place], clientY: box.top + drawn.y[place] });
}

function listen() {
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    hover(nearestPoint(event.clientX - box.left, event.clientY - box.top), event);
  });
  canvas.addEventListener("pointerleave", (event) => hover(null, event));
  canvas.addEventListener("blur", (event) => hover(null, event));
  canvas.addEventListener("click", () => { chosen.point = chosen.hover === chosen.point ? null : chosen.hover; update(); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step !== undefined) hoverByKey(step);
    else if (event.key === "Enter" || event.key === " ") { chosen.point = chosen.hover; update(); }
    else if (event.key === "Escape") { chosen.point = null; hover(null, event); update(); }
    else return;
    event.preventDefault();
  });
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawChart, 120); });
  let screen = null;
  addEventListener("beforeprint", () => { screen = document.documentElement.dataset.theme; setTheme("light"); hideTip();
    drawChart(); });
  addEventListener("afterprint", () => { setTheme(screen); drawChart(); });
}

function start() {
  const names = data.objectives.filter((name) => figureOf.has(name));
  const usual = ["latency_ms", "energy_static_pj"].filter((name) => figureOf.has(name) && !names.includes(name));
  [chosen.x, chosen.y] = [...names, ...usual, ...data.axes, ...data.axes];
  theme.changed = update;
  tiles();
  best();
  controls();
  reasons();
  about();
  listen();
  update();
  document.documentElement.dataset.ready = "yes";
}

unpack(document.getElementById("large").textContent).then((found) => { large = found; start(); });
