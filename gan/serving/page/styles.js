// Style vectors: those of seeds, from the server, and those between two.

import { requestJson } from "./server.js";

const REMEMBERED = 100;

const vectors = new Map();

async function styleOfSeed(seed) {
  if (!vectors.has(seed)) {
    const { style } = await requestJson(`api/styles/sample?seed=${seed}`);
    if (vectors.size >= REMEMBERED) vectors.clear();
    vectors.set(seed, style);
  }
  return vectors.get(seed);
}

/** The style this share of the way from one seed's to another's. */
export async function styleBetween(first, second, share) {
  return between(await styleOfSeed(first), await styleOfSeed(second), share);
}

/**
 * The vector this share of the way from a to b along the arc: the direction turns and the length changes, both evenly.
 *
 * Gaussian vectors of Z dimensions have lengths near √Z. On the straight line between two the middle is about √2
 * shorter, a style that training never drew. Rounded, so that the command to copy stays short and draws the same.
 */
export function between(a, b, share) {
  const [lengthA, lengthB] = [length(a), length(b)];
  const cosine = dot(a, b) / (lengthA * lengthB || 1);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  let [partA, partB] = [1 - share, share];
  // Equal or opposite directions have no one arc between them: there the straight line has to do.
  if (Math.sin(angle) > 1e-6) {
    const turned = (1 - share) * lengthA + share * lengthB;
    partA = (turned / lengthA) * (Math.sin((1 - share) * angle) / Math.sin(angle));
    partB = (turned / lengthB) * (Math.sin(share * angle) / Math.sin(angle));
  }
  return a.map((value, index) => Number((partA * value + partB * b[index]).toFixed(4)));
}

function dot(a, b) {
  return a.reduce((sum, value, index) => sum + value * b[index], 0);
}

function length(a) {
  return Math.sqrt(dot(a, a));
}
