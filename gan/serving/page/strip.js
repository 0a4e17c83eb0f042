// The strip: a row a style, a column a class, each image a button that picks both.

import { latest } from "./waiting.js";
import { alone, onlyClass, onlySeed } from "./state.js";
import { drawTiles, sizeTiles } from "./tiles.js";

const ROWS = 5;

/** Pixels of a strip, at most, so that one of large images is not slow. */
const MOST_PIXELS = 4_000_000;

/** Rows and columns on, as far as there are any. */
const MOVES = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

/** Classes that the strip has room for. */
export function stripColumns({ image: { width, height }, limits }) {
  const most = Math.min(limits.images, Math.floor(MOST_PIXELS / (width * height)));
  return Math.max(1, Math.floor(most / ROWS));
}

/** What shows the strip of these classes from a state's row on, and marks what the state draws. */
export function styleStrip(model, pick, say) {
  const table = document.getElementById("strip");
  const columns = stripColumns(model);
  const hint = document.getElementById("strip-hint");
  const whole = hint.textContent;
  sizeTiles(table.parentElement, model.image);
  table.addEventListener("keydown", (event) => moveFocus(table, event));
  let shown = "";
  let marked = null;

  const draw = latest(async ({ classes, seeds, key }) => {
    const labels = classes.map((index) => alone(index, model.classes.length));
    const images = seeds.flatMap((seed) => labels.map((each) => ({ labels: each, seed })));
    const paint = await drawTiles(images, model, classes.length);
    const focused = table.contains(document.activeElement) && document.activeElement.dataset;
    table.replaceChildren(head(classes, model.classes), body(classes, seeds, model.classes, paint, pick));
    standLongNames(table);
    shown = key;
    mark(table, marked);
    if (!focused) return;
    const buttons = buttonsOf(table);
    focus(table, buttons.find(drawing(focused.class, focused.seed)) ?? buttons[0]);
  }, say);

  let asked = "";
  return (state, filtered) => {
    marked = state;
    const classes = columnsOf(filtered, columns, onlyClass(state.weights));
    const left = filtered.length - classes.length;
    hint.textContent = left > 0 ? `${whole} ${left} more classes: filter for them.` : whole;
    const seeds = rowSeeds(state.row, model);
    const key = `${model.checkpoint} ${seeds} ${classes}`;
    if (key === shown) mark(table, state);
    if (key === asked || classes.length === 0) return;
    asked = key;
    draw({ classes, seeds, key });
  };
}

/** The first classes, as many as there is room for, and the one that is drawn in place of the last. */
function columnsOf(classes, most, drawn) {
  const first = classes.slice(0, most);
  if (classes.includes(drawn) && !first.includes(drawn)) first[most - 1] = drawn;
  return first;
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

/** Names that are wider than their columns are written upwards. */
function standLongNames(table) {
  table.classList.remove("long-names");
  const cut = [...table.tHead.rows[0].cells].some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth);
  table.classList.toggle("long-names", cut);
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

function buttonsOf(table) {
  return [...table.querySelectorAll("button")];
}

/** Whether a button draws this class in the style of this seed. */
function drawing(index, seed) {
  return ({ dataset }) => dataset.class === String(index) && dataset.seed === String(seed);
}

/** Mark the image that the state draws. The tab key reaches it, or else the first; arrows reach the rest. */
function mark(table, state) {
  const buttons = buttonsOf(table);
  const drawn = buttons.find(drawing(onlyClass(state.weights), onlySeed(state)));
  for (const button of buttons) button.ariaCurrent = button === drawn ? "true" : null;
  focusable(buttons, drawn ?? buttons[0]);
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function focusable(buttons, chosen) {
  for (const button of buttons) button.tabIndex = button === chosen ? 0 : -1;
}

function focus(table, button) {
  focusable(buttonsOf(table), button);
  button.focus();
}

function moveFocus(table, event) {
  const move = MOVES[event.key];
  const { altKey, ctrlKey, metaKey, target } = event;
  if (!move || altKey || ctrlKey || metaKey || !target.matches("button")) return;
  event.preventDefault();
  const { rows } = table.tBodies[0];
  const cell = target.parentElement;
  const { cells } = rows[clamp(cell.parentElement.sectionRowIndex + move[0], 0, rows.length - 1)];
  focus(table, cells[clamp(cell.cellIndex + move[1], 1, cells.length - 1)].querySelector("button"));
}
