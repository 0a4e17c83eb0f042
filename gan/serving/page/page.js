// Draw a class in a style: asks the server for its model, then draws what the controls say.
//
// One value, `state` of state.js, is what the controls show, what is drawn and what the link holds.

import { Refused, latest, whenQuiet } from "./waiting.js";
import { classSliders } from "./classes.js";
import { drawing } from "./drawing.js";
import { HAS_API, requestJson } from "./server.js";
import { alone, fromHash, isEmpty, percent, toHash, wholeNumber } from "./state.js";
import { otherRows, stripColumns, styleStrip } from "./strip.js";
import { drawTiles, sizeTiles } from "./tiles.js";

/** Browsers complain of an address that changes with each move of a slider. */
const LINK_AFTER_MILLISECONDS = 250;

/** The ends of the blend wait, so that the large image comes first. */
const ENDS_AFTER_MILLISECONDS = 150;

/** Random seeds are below this, and so short enough to read out. */
const RANDOM_SEEDS = 1_000_000;

const COPIED_MILLISECONDS = 1500;

const byId = (id) => document.getElementById(id);

start();

async function start() {
  const message = messages(byId("status"));
  const getModel = latest(async () => run(await requestJson("api/model"), message), message());
  getModel(true);
}

function run(model, message) {
  let state = fromHash(location.hash, model);
  let drawn = state;
  let filtered = model.classes.map((_, index) => index);
  showFacts(model);
  byId("controls").hidden = false;
  byId("shell").hidden = !HAS_API;

  const drawState = drawing(model);
  const draw = latest(async (wanted) => {
    const checkpoint = await drawState(wanted).catch(async (error) => {
      // The server may have come back with a model that takes other requests.
      if (error instanceof Refused) await renew();
      throw error;
    });
    if (checkpoint && checkpoint !== model.checkpoint) await renew();
  }, message());
  const drawEnds = whenQuiet(ENDS_AFTER_MILLISECONDS, blendEnds(model, message()));
  const keepLink = whenQuiet(LINK_AFTER_MILLISECONDS, () => history.replaceState(null, "", toHash(drawn)));
  const sayEmpty = message();
  const showStyle = styleControls(model, set, message());
  const onlyWeight = (index) => alone(index, model.classes.length);
  const pick = (index, seed) => set({ weights: onlyWeight(index), seed, blend: 0 });
  const showStrip = styleStrip(model, pick, message());
  const showClasses = classSliders(model.classes, {
    mostShown: stripColumns(model),
    setWeight: (index, weight) => set({ weights: state.weights.with(index, weight) }),
    setAlone: (index) => set({ weights: onlyWeight(index) }),
    setFiltered: (indices) => showStrip(state, (filtered = indices)),
  });

  /** The server takes up new checkpoints as they come: what is said and shown of the old one is drawn anew. */
  async function renew() {
    const shape = ({ classes, image, style_size }) => JSON.stringify([classes, image, style_size]);
    const before = shape(model);
    Object.assign(model, await requestJson("api/model"));
    if (shape(model) !== before) return location.reload();
    showFacts(model);
    showStrip(state, filtered);
    drawEnds(state);
  }

  function set(change) {
    state = { ...state, ...change };
    showClasses(state.weights);
    showStyle(state);
    showStrip(state, filtered);
    const empty = isEmpty(state.weights);
    sayEmpty(empty ? "All weights are zero: raise one to draw an image." : "");
    if (empty) return;
    drawn = state;
    draw(state);
    drawEnds(state);
    keepLink();
  }

  byId("even-mix").addEventListener("click", () => set({ weights: model.classes.map(() => 1) }));
  byId("previous-styles").addEventListener("click", () => set({ row: otherRows(state.row, -1, model) }));
  byId("next-styles").addEventListener("click", () => set({ row: otherRows(state.row, 1, model) }));
  const link = () => new URL(toHash(drawn), location.href).href;
  byId("copy-link").addEventListener("click", (event) => copy(link(), event.target));
  byId("copy-command").addEventListener("click", (event) => copy(byId("command").textContent, event.target));
  window.addEventListener("hashchange", () => set(fromHash(location.hash, model)));
  set({});
}

/** Shows what the two styles make of the weights, at the ends of the slider between them. */
function blendEnds(model, say) {
  const ends = [byId("end-first"), byId("end-second")];
  for (const end of ends) sizeTiles(end, model.image);
  let asked = "";
  const draw = latest(async (images) => {
    const groups = model.limits.images < images.length ? images.map((image) => [image]) : [images];
    for (const [first, group] of groups.entries()) {
      const paint = await drawTiles(group, model);
      ends.slice(first, first + group.length).forEach(paint);
    }
  }, say);
  return ({ weights, seed, second }) => {
    const images = [seed, second].map((each) => ({ labels: weights, seed: each }));
    const key = JSON.stringify([model.checkpoint, images]);
    if (key === asked) return;
    asked = key;
    draw(images);
  };
}

/** Seeds, the buttons that draw new ones, and the slider between; returns what shows a state. */
function styleControls({ limits }, set, say) {
  const blend = byId("blend");
  const fields = { seed: byId("seed"), second: byId("second") };
  const random = () => Math.floor(Math.random() * Math.min(RANDOM_SEEDS, limits.seed + 1));
  blend.addEventListener("input", () => set({ blend: Number(blend.value) }));
  byId("new-style").addEventListener("click", () => set({ seed: random(), blend: 0 }));
  byId("new-second").addEventListener("click", () => set({ second: random(), blend: 1 }));
  for (const [key, field] of Object.entries(fields)) {
    field.max = limits.seed;
    field.addEventListener("input", () => {
      const seed = wholeNumber(field.value, limits.seed);
      field.ariaInvalid = String(seed === null);
      say(seed === null ? `A seed is a whole number from 0 to ${limits.seed}.` : "");
      if (seed !== null) set({ [key]: seed });
    });
  }
  return (state) => {
    blend.value = state.blend;
    blend.ariaValueText = `${percent(state.blend)} of the way from seed ${state.seed} to seed ${state.second}`;
    for (const [key, field] of Object.entries(fields)) {
      if (wholeNumber(field.value, limits.seed) === state[key]) continue;
      // What is being typed and is no seed yet stays as it is.
      if (field.ariaInvalid === "true" && field === document.activeElement) continue;
      field.value = state[key];
      field.ariaInvalid = "false";
      say("");
    }
  };
}

function showFacts({ checkpoint, image, step, scores }) {
  const kind = image.channels === 1 ? "grey" : "RGB";
  const facts = [
    ["Checkpoint", checkpoint],
    ["Step", step.toLocaleString("en")],
    ["Image", `${image.width} × ${image.height} ${kind}`],
  ];
  if (scores) {
    const { fid, noise_floor, accuracy, floor_spread, samples, split, classifier, ...others } = scores;
    facts.push(["FID", `${shownScore(fid)} (noise floor ${shownScore(noise_floor)})`]);
    facts.push(["Class accuracy", typeof accuracy === "number" ? `${(accuracy * 100).toFixed(2)}%` : "–"]);
    for (const [name, value] of Object.entries(others)) facts.push([name, shownScore(value)]);
  }
  byId("facts").replaceChildren();
  for (const [name, value] of facts) {
    const group = document.createElement("div");
    group.append(Object.assign(document.createElement("dt"), { textContent: name }));
    group.append(Object.assign(document.createElement("dd"), { textContent: value }));
    byId("facts").append(group);
  }
}

/** A score as it comes, or "–" where it is missing: other versions have others. */
function shownScore(value) {
  return typeof value === "number" ? value.toFixed(3) : String(value ?? "–");
}

/** Each call makes a function that says one thing at a time in this element, beside what the others say. */
function messages(element) {
  const texts = [];
  return () => {
    const place = texts.push("") - 1;
    return (text) => {
      texts[place] = text;
      const all = [...new Set(texts)].filter(Boolean).join(" ");
      // Setting equal text again would have it read again.
      if (element.textContent !== all) element.textContent = all;
    };
  };
}

async function copy(text, button) {
  const label = button.textContent;
  if (button.dataset.busy) return;
  const done = await copied(text);
  byId("announcement").textContent = button.textContent = done ? "Copied" : "Not copied";
  button.dataset.busy = "true";
  setTimeout(() => {
    button.textContent = label;
    delete button.dataset.busy;
  }, COPIED_MILLISECONDS);
}

/** The clipboard's own interface is there only over HTTPS and on the same machine. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}
