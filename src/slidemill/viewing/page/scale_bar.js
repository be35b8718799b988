// A scale bar in microns, and the magnification.

import { element } from "./dom.js";

const MICRONS_AT_1X = 10; // microns for a pixel at 1x: 0.25 at 40x
const STEPS = [1, 2, 5];

/**
 * The longest round length that fits.
 *
 * @param {number} micronsPerPixel of the screen
 * @param {number} most pixels
 * @returns {{microns: number, pixels: number, text: string}}
 */
export function roundLength(micronsPerPixel, most) {
  const limit = micronsPerPixel * most;
  const power = 10 ** Math.floor(Math.log10(limit));
  const step = STEPS.filter((value) => value * power <= limit * (1 + 1e-9)).at(-1);
  const microns = step * power;
  const text = microns >= 1000 ? `${Number((microns / 1000).toPrecision(3))} mm` : `${Number(microns.toPrecision(3))} µm`;
  return { microns, pixels: microns / micronsPerPixel, text };
}

/** Magnification as an objective's: 40x has 0.25 microns for each pixel. */
export function magnification(micronsPerPixel) {
  return `${Number((MICRONS_AT_1X / micronsPerPixel).toPrecision(2))}×`;
}

export class ScaleBar {
  constructor() {
    this.line = element("span", { class: "scale-line" });
    this.text = element("span");
    this.element = element("div", { class: "scale-bar" }, this.text, this.line);
  }

  /** @param {number|null} micronsPerPixel of the screen; null where the slide's resolution is not known. */
  update(micronsPerPixel) {
    this.element.hidden = !micronsPerPixel;
    if (!micronsPerPixel) return;
    const { pixels, text, microns } = roundLength(micronsPerPixel, 160);
    this.line.style.width = `${pixels}px`;
    this.text.textContent = text;
    this.element.dataset.microns = microns;
  }
}

/** Draw the scale bar into a picture, from its lower left corner. */
export function drawScaleBar(context, { micronsPerPixel, x, y, ratio }) {
  const { pixels, text } = roundLength(micronsPerPixel / ratio, 160 * ratio);
  const [high, pad] = [4 * ratio, 8 * ratio];
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  context.fillStyle = "rgba(255,255,255,0.88)";
  context.fillRect(x, y - 36 * ratio, pixels + 2 * pad, 36 * ratio);
  context.fillStyle = "#111";
  context.fillRect(x + pad, y - pad - high, pixels, high);
  context.textBaseline = "alphabetic";
  context.fillText(text, x + pad, y - pad - high - 5 * ratio);
}
