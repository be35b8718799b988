// What is drawn over a slide: a layer of tile values, which fades, and lines and frames, which do not.

import { element } from "./dom.js";
import { strokeOutlines } from "./shapes.js";

const FRAME = "#e6007e"; // of the chosen tile and of notes: a colour that neither stains nor scales have
const GRID_FROM_PX = 14; // lines around smaller tiles would hide the slide

export class Overlay {
  constructor() {
    this.layer = element("canvas", { class: "over layer" });
    this.marks = element("canvas", { class: "over marks" });
    this.clear();
  }

  /** Forget all of a slide. */
  clear() {
    Object.assign(this, { index: null, painter: null, outlines: [], tissue: [], flagged: [], places: [], chosen: null });
    this.shown = this.shown ?? new Set();
  }

  /** @param {number} opacity 0 to 1 */
  fade(opacity) {
    this.layer.style.opacity = opacity;
    this.opacity = opacity;
  }

  /**
   * @param {{scale: number, left: number, top: number, width: number, height: number, ratio: number}} view CSS pixels of
   *   the pane for each level-0 pixel, where level-0 pixel (0, 0) lies in it, its size, and pixels of the screen for
   *   each CSS pixel
   */
  draw({ scale, left, top, width, height, ratio }) {
    const view = { scale: scale * ratio, left: left * ratio, top: top * ratio };
    view.box = { left: -left / scale, top: -top / scale, right: (width - left) / scale, bottom: (height - top) / scale };
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    this.painter?.draw(cleared(this.layer, size), view);
    if (!this.painter) cleared(this.layer, size);
    this.#drawMarks(cleared(this.marks, size), view, ratio);
  }

  #drawMarks(context, view, ratio) {
    const { shown } = this;
    if (shown.has("grid") && this.index) this.#drawGrid(context, view, ratio);
    if (shown.has("flags")) for (const flag of this.flagged) frame(context, view, flag.index, flag.tiles, flag.colour, 2 * ratio);
    if (shown.has("tissue")) strokeOutlines(context, this.tissue, view, 1.5 * ratio);
    if (shown.has("outlines")) strokeOutlines(context, this.outlines, view, 2 * ratio);
    if (shown.has("notes")) for (const place of this.places) pin(context, view, place, ratio);
    if (this.chosen !== null && this.index) frame(context, view, this.index, [this.chosen], FRAME, 2.5 * ratio);
  }

  #drawGrid(context, view, ratio) {
    if (this.index.extent * view.scale < GRID_FROM_PX * ratio) return;
    frame(context, view, this.index, this.index.within(view.box), "rgba(20,30,40,0.55)", ratio);
  }
}

function frame(context, { scale, left, top, box }, { x, y, extent }, tiles, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  for (const tile of tiles) {
    if (x[tile] > box.right || y[tile] > box.bottom || x[tile] + extent < box.left || y[tile] + extent < box.top) continue;
    context.rect(left + x[tile] * scale, top + y[tile] * scale, extent * scale, extent * scale);
  }
  context.stroke();
}

/** A note's place. */
function pin(context, { scale, left, top }, { x, y, size }, ratio) {
  const side = Math.max(size * scale, 8 * ratio);
  const [middleX, middleY] = [left + (x + size / 2) * scale, top + (y + size / 2) * scale];
  context.strokeStyle = "#fff";
  context.lineWidth = 5 * ratio;
  context.strokeRect(middleX - side / 2, middleY - side / 2, side, side);
  context.strokeStyle = FRAME;
  context.lineWidth = 2 * ratio;
  context.setLineDash([5 * ratio, 3 * ratio]);
  context.strokeRect(middleX - side / 2, middleY - side / 2, side, side);
  context.setLineDash([]);
}

function cleared(canvas, [width, height]) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  return context;
}
