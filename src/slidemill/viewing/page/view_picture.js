// The view as a PNG: slide, layer, lines, scale bar, and what it shows in words.

import { drawScaleBar } from "./scale_bar.js";
import { scaleOf } from "./colour.js";

const CAPTION_PX = 54;

/**
 * @param {import("./pane.js").Pane[]} panes side by side
 * @param {number} opacity of the layer
 * @returns {Promise<Blob>}
 */
export async function pictureOf(panes, opacity) {
  const ratio = panes[0].view.transform().ratio;
  const sizes = panes.map((pane) => [pane.view.canvas.width, pane.view.canvas.height]);
  const canvas = document.createElement("canvas");
  canvas.width = sizes.reduce((sum, [width]) => sum + width, 0) + 2 * ratio * (panes.length - 1);
  canvas.height = Math.max(...sizes.map(([, height]) => height)) + CAPTION_PX * ratio;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  let left = 0;
  panes.forEach((pane, place) => {
    drawPane(context, pane, { left, size: sizes[place], ratio, opacity });
    left += sizes[place][0] + 2 * ratio;
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Have the browser save a picture under a name. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function drawPane(context, pane, { left, size: [width, height], ratio, opacity }) {
  context.save();
  context.beginPath();
  context.rect(left, 0, width, height);
  context.clip();
  context.drawImage(pane.view.canvas, left, 0);
  context.globalAlpha = opacity;
  context.drawImage(pane.overlay.layer, left, 0, width, height);
  context.globalAlpha = 1;
  context.drawImage(pane.overlay.marks, left, 0, width, height);
  const micronsPerPixel = pane.micronsPerPixel();
  const inset = 12 * ratio;
  if (micronsPerPixel) drawScaleBar(context, { micronsPerPixel: micronsPerPixel, x: left + inset, y: height - inset, ratio });
  context.restore();
  const layer = pane.layer();
  context.fillStyle = "#1b1f24";
  context.textBaseline = "middle";
  context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  context.fillText(pane.name.textContent, left + inset, height + 16 * ratio, width - 2 * inset);
  context.font = `${12 * ratio}px system-ui, sans-serif`;
  if (layer) drawLegend(context, layer, { x: left + inset, y: height + 32 * ratio, ratio, width: width - 2 * inset });
}

function drawLegend(context, layer, { x, y, ratio, width }) {
  const { colours, ticks } = scaleOf(layer);
  const [wide, high] = [120 * ratio, 12 * ratio];
  colours.forEach(([red, green, blue], step) => {
    context.fillStyle = `rgb(${red},${green},${blue})`;
    context.fillRect(x + 14 * ratio + (step * wide) / colours.length, y, wide / colours.length + 1, high);
  });
  context.fillStyle = "#1b1f24";
  context.fillText(ticks[0][1], x, y + high / 2);
  context.fillText(`${ticks.at(-1)[1]}   ${layer.name}`, x + wide + 20 * ratio, y + high / 2, width - wide - 20 * ratio);
}
