// Several images in one request, as a grid, and its tiles on canvases.

import { request } from "./api.js";

/** Pixels between and around the images of a grid, as the server leaves them. */
const GAP = 2;

/** `paint(canvas, index)` for these images, each {labels, seed}. */
export async function drawTiles(images, columns, { width, height }) {
  const { blob } = await request("api/generate-images", { images, as: "grid", columns });
  const grid = await createImageBitmap(blob);
  return (canvas, index) => {
    const left = GAP + (index % columns) * (width + GAP);
    const top = GAP + Math.floor(index / columns) * (height + GAP);
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").drawImage(grid, left, top, width, height, 0, 0, width, height);
  };
}

/** Have the tiles in an element about this large: a whole number of times, where they are smaller. */
export function sizeTiles(element, { width, height }, side) {
  const largest = Math.max(width, height);
  const scale = largest <= side ? Math.floor(side / largest) : side / largest;
  element.style.setProperty("--tile-width", `${width * scale}px`);
  element.style.setProperty("--tile-height", `${height * scale}px`);
}
