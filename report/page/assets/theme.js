"use strict";
// Light or dark: as the system has it, until the button says otherwise.

const theme = { chosen: null, system: matchMedia("(prefers-color-scheme: dark)"), changed: () => {} };

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  const button = document.getElementById("theme");
  button.textContent = name === "dark" ? "Light" : "Dark";
  button.setAttribute("aria-label", name === "dark" ? "Switch to light" : "Switch to dark");
}

function followTheme() {
  setTheme(theme.chosen ?? (theme.system.matches ? "dark" : "light"));
  theme.changed();
}

theme.system.addEventListener("change", followTheme);
document.getElementById("theme").addEventListener("click", () => {
  theme.chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  followTheme();
});
followTheme();
