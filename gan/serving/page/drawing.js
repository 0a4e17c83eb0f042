// The large image, and what is said of it.

import { whenQuiet } from "./waiting.js";
import { request } from "./server.js";
import { curl, describe, fileName, onlySeed } from "./state.js";
import { styleBetween } from "./styles.js";

const SPOKEN_AFTER_MILLISECONDS = 700;

const byId = (id) => document.getElementById(id);

/** The seed where it says all, so that a copied command stays short; else the vector. */
export async function styleOf(state) {
  const seed = onlySeed(state);
  return seed !== null ? { seed } : { style: await styleBetween(state.seed, state.second, state.blend) };
}

/** What draws a state and shows it. */
export function drawing(model) {
  const picture = byId("picture");
  const { width, height } = model.image;
  picture.width = width;
  picture.height = height;
  picture.style.setProperty("--image-width", `${width}px`);
  picture.style.setProperty("--image-ratio", width / height);
  // A slider in motion would talk without end.
  const announce = whenQuiet(SPOKEN_AFTER_MILLISECONDS, (text) => (byId("announcement").textContent = text));

  return async (state) => {
    const body = { labels: state.weights, ...(await styleOf(state)) };
    const { blob, checkpoint } = await request("api/generate-image", body);
    await show(picture, blob);
    const [words, name] = [describe(state, model.classes), fileName(state, model.classes)];
    picture.alt = words;
    byId("caption").textContent = words;
    byId("download").href = picture.src;
    byId("download").download = name;
    byId("command").textContent = curl(body, name);
    byId("actions").hidden = false;
    announce(words);
    return checkpoint;
  };
}

async function show(picture, blob) {
  const before = picture.src;
  picture.src = URL.createObjectURL(blob);
  picture.hidden = false;
  await picture.decode();
  if (before) URL.revokeObjectURL(before);
}
