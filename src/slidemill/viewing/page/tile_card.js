// The tile that was clicked: its scores, its place, its picture at full resolution.

import { api, picture } from "./server.js";
import { short } from "./colour.js";
import { button, element, fill } from "./dom.js";
import { settle, tell } from "./messages.js";
import { className } from "./slide_marks.js";

export class TileCard {
  /** @param {() => void} closed when the reader puts it away */
  constructor(closed) {
    this.closed = closed;
    this.element = element("section", { class: "panel tile-card", "aria-label": "Tile", hidden: true, data: { tile: "" } });
  }

  hide() {
    this.turn = null;
    this.element.hidden = true;
    this.element.dataset.tile = "";
  }

  /** Show a tile of a slide, as the run of a pane sees it. */
  async show(pane, index) {
    const turn = (this.turn = {});
    const { slide, mpp } = pane.info;
    const { run } = pane;
    this.element.hidden = false;
    let tile;
    try {
      tile = await api.tile(slide, index, run);
      settle("tile");
    } catch (error) {
      if (turn === this.turn) {
        tell("tile", error.message);
        this.closed();
      }
      return;
    }
    if (turn !== this.turn) return;
    const { extent } = pane.index;
    fill(
      this.element,
      element("h2", {}, `Tile ${index}`, button("×", () => this.closed(), { class: "quiet", "aria-label": "Close the tile" })),
      element(
        "a",
        { href: picture.tile(slide, index, run), target: "_blank", rel: "noopener", title: "The tile alone, at full resolution" },
        element("img", { class: "tile-picture", src: picture.tile(slide, index, run), alt: `Tile ${index} of ${slide}` }),
      ),
      scoresOf(tile, pane.classes),
      element("dl", { class: "facts" }, [...placeOf(tile, extent, mpp), ...valuesOf(tile)].map(([name, value]) => [
        element("dt", {}, name), element("dd", {}, value),
      ])),
    );
    this.element.dataset.tile = index;
  }
}

function scoresOf({ scores }, classes) {
  const rows = Array.isArray(scores) ? scores.map((score, place) => [classes[place] ?? place, score]) : Object.entries(scores ?? {});
  return element(
    "div",
    { class: "tile-scores" },
    rows.map(([name, score]) => {
      const bar = element("span", { class: "share", "aria-hidden": "true" });
      bar.style.setProperty("--share", score);
      return element(
        "div",
        { class: "tile-score", data: { class: name, score } },
        className(name, classes.indexOf(name)), bar, element("span", { class: "number" }, score.toFixed(3)),
      );
    }),
  );
}

function placeOf({ x, y }, extent, mpp) {
  const rows = [["Corner", `${x}, ${y} px`]];
  if (mpp) rows.push(["", `${(x * mpp).toFixed(0)}, ${(y * mpp).toFixed(0)} µm`]);
  rows.push(["Side", mpp ? `${extent} px, ${(extent * mpp).toFixed(0)} µm` : `${extent} px`]);
  return rows;
}

const OWN = new Set(["index", "x", "y", "scores", "slide", "run", "tile_size_level0"]);

/** Whatever else is known of the tile: attention, evidence, quality. */
function valuesOf(tile) {
  const rows = [];
  for (const [name, value] of Object.entries(tile)) {
    if (OWN.has(name) || value === null || value === undefined) continue;
    const title = name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
    if (Array.isArray(value)) rows.push([title, value.map(worded).join(", ") || "none"]);
    else if (typeof value === "object") {
      rows.push(...Object.entries(value).map(([key, each]) => [`${title}, ${key.replaceAll("_", " ")}`, worded(each)]));
    } else rows.push([title, worded(value)]);
  }
  return rows;
}

function worded(value) {
  if (typeof value === "number") return short(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value ?? "").replaceAll("_", " ");
}
