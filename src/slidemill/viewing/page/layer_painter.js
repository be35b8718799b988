// A layer as colours on the exact tile grid: tile by tile where few are seen, else a picture with one pixel a tile.

import { scaleOf, STEPS } from "./colour.js";

const FEW_TILES = 5000;

export class LayerPainter {
  /**
   * @param {import("./tile_index.js").TileIndex} index
   * @param {Float32Array} values of each tile; what is not a number is left out.
   * @param layer its kind, lowest and highest value
   */
  constructor(index, values, layer) {
    const { place, colours } = scaleOf(layer);
    this.index = index;
    this.colours = colours;
    this.fills = colours.map(([red, green, blue]) => `rgb(${red},${green},${blue})`);
    this.places = Int16Array.from(values, (value) => (Number.isNaN(value) ? -1 : Math.round(place(value) * (STEPS - 1))));
  }

  /**
   * Draw what is seen.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {{scale: number, left: number, top: number, box: object}} view pixels of the canvas for each level-0 pixel,
   *   where level-0 pixel (0, 0) lies on it, and what of the slide is seen
   */
  draw(context, view) {
    if (this.index.regular && this.index.atMost(view.box) > FEW_TILES) this.#drawPicture(context, view);
    else this.#drawTiles(context, view);
  }

  /** Both edges of a tile are rounded alike, so that neighbours share one: no gap and no overlap. */
  #drawTiles(context, { scale, left, top, box }) {
    const { x, y, extent } = this.index;
    for (const tile of this.index.within(box)) {
      if (this.places[tile] < 0) continue;
      const [from, above] = [Math.round(left + x[tile] * scale), Math.round(top + y[tile] * scale)];
      const [to, below] = [Math.round(left + (x[tile] + extent) * scale), Math.round(top + (y[tile] + extent) * scale)];
      context.fillStyle = this.fills[this.places[tile]];
      context.fillRect(from, above, to - from, below - above);
    }
  }

  #drawPicture(context, { scale, left, top }) {
    this.picture ??= this.#picture();
    const { box } = this.index;
    context.imageSmoothingEnabled = false;
    context.drawImage(
      this.picture,
      left + box.left * scale, top + box.top * scale,
      (box.right - box.left) * scale, (box.bottom - box.top) * scale,
    );
  }

  #picture() {
    const { x, y, extent, box, count } = this.index;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round((box.right - box.left) / extent);
    canvas.height = Math.round((box.bottom - box.top) / extent);
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(canvas.width, canvas.height);
    for (let tile = 0; tile < count; tile += 1) {
      if (this.places[tile] < 0) continue;
      const column = Math.round((x[tile] - box.left) / extent);
      const row = Math.round((y[tile] - box.top) / extent);
      const [red, green, blue] = this.colours[this.places[tile]];
      pixels.data.set([red, green, blue, 255], 4 * (row * canvas.width + column));
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
  }
}
