"use strict";
// Unpacks what is large, then draws the views as they are asked for.

const tabs = [...document.querySelectorAll("[role=tab]")];
const drawn = new Set(); // views that are up to date

function draw(name) {
  const section = document.getElementById(name);
  if (drawn.has(name)) return;
  views[name](section);
  drawn.add(name);
}

function show(name, focus = false) {
  state.view = name;
  hideTip();
  for (const tab of tabs) {
    const own = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(own));
    tab.tabIndex = own ? 0 : -1;
    if (own && focus) tab.focus();
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !own;
  }
  draw(name);
  if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
}

function redraw() {
  drawn.clear();
  draw(state.view);
}

function setStep(step) {
  state.step = step;
  document.getElementById("step").value = step;
  document.getElementById("step-shown").textContent = `T = ${step}`;
  redraw();
}

function start() {
  theme.changed = redraw;
  document.getElementById("subtitle").textContent = `on ${data.chip.name}, ${data.steps} steps, ${plural(data.images, "image")}, ${data.synthetic.length ? "SYNTHETIC" : "executed"} in ${data.numeric}, billed at ${data.number_format}`;
  document.getElementById("step").addEventListener("input", (event) => setStep(Number(event.target.value)));
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => show(tab.getAttribute("aria-controls")));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(tabs[(to + tabs.length) % tabs.length].getAttribute("aria-controls"), true);
    });
  });
  let waiting = 0;
  let before = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== before) { before = innerWidth; clearTimeout(waiting);
    waiting = setTimeout(redraw, 120); } });
  addEventListener("hashchange", () => show(wanted()));
  // On paper every view stands, in light colours.
  let screen = null;
  addEventListener("beforeprint", () => { screen = document.documentElement.dataset.theme; setTheme("light"); drawn.clear();
    Object.keys(views).forEach(draw); });
  addEventListener("afterprint", () => { setTheme(screen); redraw(); });
  show(wanted());
  document.documentElement.dataset.ready = "yes";
}

function wanted() {
  const asked = location.hash.slice(1);
  return Object.hasOwn(views, asked) ? asked : "overview";
}

unpack(document.getElementById("large").textContent).then((found) => { large = found; start(); });
