// The model itself in the place of a server: what the page asks for is drawn in the browser, by ONNX Runtime.
//
// It answers the paths of the API that the page knows, with the images that the API would draw, as PNG.

import { InferenceSession, Tensor, env } from "./onnxruntime/ort.js";
import { Refused, Unavailable } from "./waiting.js";
import { styleOfSeed } from "./seeds.js";

/** There is nothing that a shell could ask. */
export const HAS_API = false;

const RETRY_SECONDS = 2;

/** Pixels between and around the images of a grid, and their grey. */
const GAP = 2;
const GREY = 128;

// Several threads would need headers that few static hosts send.
env.wasm.numThreads = 1;

let loading = null;

/** The model's facts, and a session that draws; both are loaded once. */
function model() {
  loading ??= load().catch((error) => {
    loading = null;
    throw new Unavailable(`The model does not load (${error.message}). Trying again …`, RETRY_SECONDS);
  });
  return loading;
}

async function load() {
  const [facts, session] = await Promise.all([
    fetched("model.json").then((reply) => reply.json()),
    fetched("model.onnx").then(async (reply) => InferenceSession.create(await reply.arrayBuffer())),
  ]);
  return { facts, session };
}

async function fetched(name) {
  const reply = await fetch(new URL(name, import.meta.url));
  if (!reply.ok) throw new Error(`${name}: ${reply.status} ${reply.statusText}`);
  return reply;
}

/** What the server would say of `api/model`, or of `api/styles/sample?seed=N`. */
export async function requestJson(path) {
  const { facts } = await model();
  if (path === "api/model") return facts;
  const { pathname, searchParams } = new URL(path, location.href);
  if (!pathname.endsWith("/api/styles/sample")) throw new Refused(`This page has no ${path}.`);
  const seed = Number(searchParams.get("seed"));
  return { seed, style: styleOfSeed(seed, facts.style_size) };
}

/** The picture of a body as for `api/generate-image`, or the grid of one as for `api/generate-images`. */
export async function request(path, body) {
  const { facts } = await model();
  const alone = path === "api/generate-image";
  const images = await drawn(alone ? [body] : body.images);
  const blob = await picture(images, facts.image, alone ? { columns: 1, gap: 0 } : { columns: body.columns, gap: GAP });
  return { blob, checkpoint: facts.checkpoint };
}

let busy = Promise.resolve();

/** Pixels of each {labels, seed} or {labels, style}. The session draws for one caller at a time. */
function drawn(images) {
  const result = busy.then(() => draw(images));
  busy = result.catch(() => {});
  return result;
}

async function draw(images) {
  const { facts, session } = await model();
  const styles = images.flatMap(({ style, seed }) => style ?? styleOfSeed(seed, facts.style_size));
  const labels = images.flatMap(({ labels }) => summingToOne(labels));
  const { image } = await session.run({
    style: new Tensor("float32", Float32Array.from(styles), [images.length, facts.style_size]),
    label: new Tensor("float32", Float32Array.from(labels), [images.length, facts.classes.length]),
  });
  const size = image.data.length / images.length;
  return images.map((_, index) => image.data.subarray(index * size, (index + 1) * size));
}

function summingToOne(weights) {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Images in rows, as a PNG. */
async function picture(images, { width, height, channels }, { columns, gap }) {
  const rows = Math.ceil(images.length / columns);
  const canvas = new OffscreenCanvas(columns * (width + gap) + gap, rows * (height + gap) + gap);
  const context = canvas.getContext("2d");
  context.fillStyle = `rgb(${GREY} ${GREY} ${GREY})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  images.forEach((pixels, index) => {
    const left = gap + (index % columns) * (width + gap);
    const top = gap + Math.floor(index / columns) * (height + gap);
    context.putImageData(imageData(pixels, width, height, channels), left, top);
  });
  return canvas.convertToBlob({ type: "image/png" });
}

function imageData(pixels, width, height, channels) {
  const data = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    for (let colour = 0; colour < 3; colour++) {
      data.data[4 * place + colour] = pixels[channels * place + (channels === 1 ? 0 : colour)];
    }
    data.data[4 * place + 3] = 255;
  }
  return data;
}
