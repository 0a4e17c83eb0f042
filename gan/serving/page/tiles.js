// Several images in one request, as a grid, and its tiles on canvases.

import { request } from "./server.js";

/** Pixels between and around the images of a grid, as the server leaves them. */
const GAP = 2;

/** Pixels of a tile on the page, about. */
const SIDE = 56;

/** Images that are shown smaller than they are: there a JPEG will do, which takes less time to make and to send. */
function isLarge({ width, height }) {
  return Math.max(width, height) > SIDE;
}

/** `paint(canvas, index)` for these images, each {labels, seed}. */
export async function drawTiles(images, { image: { width, height } }, columns = images.length) {
  const format = isLarge({ width, height }) ? "jpeg" : "png";
  const { blob } = await request("api/generate-images", { images, as: "grid", columns, format });
  const grid = await createImageBitmap(blob);
  return (canvas, index) => {
    const left = GAP + (index % columns) * (width + GAP);
    const top = GAP + Math.floor(index / columns) * (height + GAP);
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").drawImage(grid, left, top, width, height, 0, 0, width, height);
  };
}

/** Have the tiles in an element fit a square: a whole number of times their size, where that is smaller. */
export function sizeTiles(element, { width, height }) {
  const largest = Math.max(width, height);
  const scale = isLarge({ width, height }) ? SIDE / largest : Math.floor(SIDE / largest);
  element.style.setProperty("--tile-width", `${width * scale}px`);
  element.style.setProperty("--tile-height", `${height * scale}px`);
}
