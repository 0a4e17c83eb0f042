// The strip: a row a style, a column a class, each image a button that picks both.

import { latest } from "./api.js";
import { alone, onlyClass, onlySeed } from "./state.js";
import { drawTiles, sizeTiles } from "./tiles.js";

const ROWS = 5;

/** Pixels of a strip, at most, so that one of large images is not slow. */
const MOST_PIXELS = 4_000_000;

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** What shows the strip of these classes from a state's row on, and marks what the state draws. */
export function styleStrip(model, pick, say) {
  const table = document.getElementById("strip");
  const { width, height } = model.image;
  const most = Math.min(model.limits.images, Math.floor(MOST_PIXELS / (width * height)));
  const columns = Math.max(1, Math.floor(most / ROWS));
  sizeTiles(table.parentElement, model.image);
  table.addEventListener("keydown", (event) => moveFocus(table, event));
  let shown = "";
  let marked = null;

  const draw = latest(async ({ classes, seeds, key }) => {
    const labels = classes.map((index) => alone(index, model.classes.length));
    const images = seeds.flatMap((seed) => labels.map((each) => ({ labels: each, seed })));
    const paint = await drawTiles(images, model, classes.length);
    table.replaceChildren(head(classes, model.classes), body(classes, seeds, model.classes, paint, pick));
    shown = key;
    mark(table, marked);
  }, say);

  let asked = "";
  return (state, filtered) => {
    marked = state;
    const classes = filtered.slice(0, columns);
    const seeds = rowSeeds(state.row, model);
    const key = `${model.checkpoint} ${seeds} ${classes}`;
    if (key === shown) mark(table, state);
    if (key === asked || classes.length === 0) return;
    asked = key;
    draw({ classes, seeds, key });
  };
}

function rowSeeds(first, { limits }) {
  return Array.from({ length: Math.min(ROWS, limits.images) }, (_, row) => (first + row) % (limits.seed + 1));
}

/** The first seed of the rows before (-1) or after (1) these. */
export function otherRows(first, direction, { limits }) {
  const seeds = limits.seed + 1;
  return (first + direction * ROWS + seeds) % seeds;
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function head(classes, names) {
  const cells = classes.map((index) => element("th", { scope: "col", textContent: names[index], title: names[index] }));
  return element("thead", {}, element("tr", {}, element("th", { scope: "col", textContent: "Seed" }), ...cells));
}

function body(classes, seeds, names, paint, pick) {
  const rows = seeds.map((seed, row) => {
    const cells = classes.map((index, column) => {
      const canvas = document.createElement("canvas");
      paint(canvas, row * classes.length + column);
      const ariaLabel = `${names[index]}, style of seed ${seed}`;
      const button = element("button", { type: "button", ariaLabel, tabIndex: -1 }, canvas);
      Object.assign(button.dataset, { class: index, seed });
      button.addEventListener("click", () => pick(index, seed));
      return element("td", {}, button);
    });
    return element("tr", {}, element("th", { scope: "row", textContent: seed }), ...cells);
  });
  return element("tbody", {}, ...rows);
}

/** Mark the image that the state draws. The tab key reaches it, or else the first; arrows reach the rest. */
function mark(table, state) {
  const buttons = [...table.querySelectorAll("button")];
  const [index, seed] = [onlyClass(state.weights), onlySeed(state)].map(String);
  const drawn = buttons.find(({ dataset }) => dataset.class === index && dataset.seed === seed);
  for (const button of buttons) button.ariaCurrent = button === drawn ? "true" : null;
  focusable(buttons, drawn ?? buttons[0]);
}

function focusable(buttons, chosen) {
  for (const button of buttons) button.tabIndex = button === chosen ? 0 : -1;
}

function moveFocus(table, event) {
  const move = MOVES[event.key];
  if (!move || !event.target.matches("button")) return;
  event.preventDefault();
  const cell = event.target.parentElement;
  const next = table.tBodies[0].rows[cell.parentElement.sectionRowIndex + move[0]]?.cells[cell.cellIndex + move[1]];
  const button = next?.querySelector("button");
  if (!button) return;
  focusable([...table.querySelectorAll("button")], button);
  button.focus();
}
