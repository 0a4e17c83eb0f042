// What is drawn, as a value: {weights, seed, second, blend, row}, and what follows from it: link, words, request.
//
// `weights` has one number in 0..1 for each class, `second` is the seed that `blend` (0..1) leads to, `row` the seed
// of the strip's first row.

const DEFAULTS = { seed: 0, second: 1, blend: 0, row: 0 };

/** Classes of a mixture that its description and its file's name tell, at most. */
const NAMED_CLASSES = 4;

export function alone(index, count) {
  return Array.from({ length: count }, (_, other) => (other === index ? 1 : 0));
}

/** The state that a link holds. What is missing or makes no sense is taken from the defaults. */
export function fromHash(hash, model) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const seed = (key) => wholeNumber(values.get(key), model.limits.seed) ?? DEFAULTS[key];
  return {
    weights: weightsFrom(values.get("weights"), model.classes.length),
    seed: seed("seed"),
    second: seed("second"),
    blend: fraction(values.get("blend")) ?? DEFAULTS.blend,
    row: seed("row"),
  };
}

function weightsFrom(text, count) {
  const weights = alone(-1, count);
  for (const pair of (text ?? "").split(",")) {
    const [index, weight] = pair.split(":");
    const place = wholeNumber(index, count - 1);
    if (place !== null) weights[place] = fraction(weight) ?? 0;
  }
  return isEmpty(weights) ? alone(0, count) : weights;
}

export function wholeNumber(text, largest) {
  return /^\d{1,15}$/.test(text ?? "") && Number(text) <= largest ? Number(text) : null;
}

function fraction(text) {
  if (!/^\d(\.\d+)?$/.test(text ?? "") || Number(text) > 1) return null;
  return Math.round(Number(text) * 100) / 100;
}

export function toHash(state) {
  const weights = state.weights.map((weight, index) => [index, weight]).filter(([, weight]) => weight > 0);
  const parts = [`weights=${weights.map((pair) => pair.join(":")).join(",")}`, `seed=${state.seed}`];
  for (const key of ["second", "blend", "row"]) {
    if (state[key] !== DEFAULTS[key]) parts.push(`${key}=${state[key]}`);
  }
  return `#${parts.join("&")}`;
}

export function isEmpty(weights) {
  return weights.every((weight) => weight === 0);
}

/** The classes that are drawn and their shares, which sum to 1, largest first. */
function shares(weights) {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const drawn = weights.map((weight, index) => ({ index, share: weight / sum })).filter(({ share }) => share > 0);
  return drawn.sort((a, b) => b.share - a.share);
}

/** The class that is drawn alone, or null. */
export function onlyClass(weights) {
  const drawn = shares(weights);
  return drawn.length === 1 ? drawn[0].index : null;
}

/** The seed whose style is drawn, or null between two. */
export function onlySeed({ seed, second, blend }) {
  if (blend === 0) return seed;
  return blend === 1 ? second : null;
}

export function percent(share) {
  return share > 0 && share < 0.005 ? "under 1%" : `${Math.round(share * 100)}%`;
}

/** "3 at 50%, 8 at 50%, style of seed 7". */
export function describe(state, names) {
  const drawn = shares(state.weights);
  const parts = drawn.slice(0, NAMED_CLASSES).map(({ index, share }) => `${names[index]} at ${percent(share)}`);
  if (drawn.length === 1) parts[0] = names[drawn[0].index];
  if (drawn.length > NAMED_CLASSES) parts.push(`${drawn.length - NAMED_CLASSES} more classes`);
  return `${parts.join(", ")}, ${describeStyle(state)}`;
}

function describeStyle(state) {
  const seed = onlySeed(state);
  if (seed !== null) return `style of seed ${seed}`;
  return `style ${percent(state.blend)} of the way from seed ${state.seed} to seed ${state.second}`;
}

/** "3-seed7.png". */
export function fileName(state, names) {
  const drawn = shares(state.weights);
  const classes = drawn.length > NAMED_CLASSES ? "mix" : drawn.map(({ index }) => names[index]).join("+");
  const seed = onlySeed(state);
  const style = seed !== null ? `seed${seed}` : `seed${state.seed}-to-${state.second}-at-${percent(state.blend)}`;
  const plain = (text) => text.replace(/[^\p{L}\p{N}+_-]+/gu, "-").slice(0, 60);
  return `${plain(classes)}-${style.replace("%", "")}.png`;
}

/** The shell command that draws what `body` does. */
export function curl(body, name) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const json = JSON.stringify(body).replaceAll(",", ", ").replaceAll(":", ": ");
  return [
    `curl --fail --output ${quote(name)} \\`,
    `  ${quote(new URL("api/generate-image", document.baseURI).href)} \\`,
    `  --header 'Content-Type: application/json' \\`,
    `  --data ${quote(json)}`,
  ].join("\n");
}
