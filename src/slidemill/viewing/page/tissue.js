// The outline of the tissue mask: the edges between its pixels, exactly.

import { api } from "./server.js";

const COLOUR = "#0b5a96";

/**
 * @param {string} slide
 * @param {{covers: {x: number, y: number, width: number, height: number}}} about the mask: what of level 0 it covers
 * @returns {Promise<{path: Path2D, colour: string}[]>} in level-0 pixels
 */
export async function tissueOutline(slide, { covers }) {
  const image = await createImageBitmap(await api.tissue(slide));
  const { width, height } = image;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  image.close();
  const { data } = context.getImageData(0, 0, width, height);
  const isTissue = (column, row) => column >= 0 && row >= 0 && column < width && row < height && data[4 * (row * width + column)] > 127;
  const [wide, high] = [covers.width / width, covers.height / height];
  const path = new Path2D();
  const line = (fromColumn, fromRow, toColumn, toRow) => {
    path.moveTo(covers.x + fromColumn * wide, covers.y + fromRow * high);
    path.lineTo(covers.x + toColumn * wide, covers.y + toRow * high);
  };
  for (let row = 0; row <= height; row += 1) {
    runs(width, (column) => isTissue(column, row) !== isTissue(column, row - 1), (start, end) => line(start, row, end, row));
  }
  for (let column = 0; column <= width; column += 1) {
    runs(height, (row) => isTissue(column, row) !== isTissue(column - 1, row), (start, end) => line(column, start, column, end));
  }
  return [{ path, colour: COLOUR }];
}

/** Call `found` with start and end of each run of places for which `holds`. */
function runs(length, holds, found) {
  let start = -1;
  for (let place = 0; place <= length; place += 1) {
    const here = place < length && holds(place);
    if (here && start < 0) start = place;
    if (!here && start >= 0) {
      found(start, place);
      start = -1;
    }
  }
}
