// A slide with its layers, scale bar and name: one half of the slide room where two are side by side.

import { api } from "./server.js";
import { element, fill } from "./dom.js";
import { LayerPainter } from "./layer_painter.js";
import { Overlay } from "./overlay.js";
import { magnification, ScaleBar } from "./scale_bar.js";
import { classesOf, outlineColours, outlinesOf } from "./shapes.js";
import { SlideView } from "./slide_view.js";
import { flaggedTiles } from "./flagged_tiles.js";
import { TileIndex } from "./tile_index.js";
import { tissueOutline } from "./tissue.js";

export class Pane {
  /**
   * @param {object} told
   * @param {(pane: Pane) => void} told.moved at each frame while it moves
   * @param {(pane: Pane) => void} told.rested when it has come to rest
   * @param {(pane: Pane, tile: number, x: number, y: number) => void} told.chosen a place was clicked; tile is -1 where
   *   there is none
   * @param {(pane: Pane, about: string, sentence: string|null) => void} told.trouble
   */
  constructor(told) {
    this.told = told;
    this.overlay = new Overlay();
    this.bar = new ScaleBar();
    this.magnification = element("span", { class: "magnification" });
    this.name = element("p", { class: "pane-name" });
    this.view = new SlideView({
      moved: () => this.#moved(),
      rested: () => this.#announce(),
      clicked: (x, y) => told.chosen(this, this.index?.at(x, y) ?? -1, x, y),
      trouble: (sentence) => told.trouble(this, "picture", sentence),
    });
    this.element = element(
      "div",
      { class: "pane", role: "group", tabindex: 0, data: { settled: "no" } },
      this.view.element, this.overlay.layer, this.overlay.marks, this.name,
      element("div", { class: "pane-foot" }, this.bar.element, this.magnification),
    );
  }

  /** Show a slide as a run sees it. Its layers come after its picture. */
  async open(info, run, { place, title }) {
    const turn = (this.turn = {});
    this.busy = true;
    this.#announce();
    if (this.info?.slide !== info.slide) this.overlay.clear();
    const same = this.info?.slide === info.slide && this.view.opened;
    Object.assign(this, { info, run, values: null, index: null, layerKey: null });
    this.overlay.index = this.overlay.painter = null;
    this.title = title;
    this.#title();
    try {
      const opened = same ? place && this.view.goTo(place) : this.view.open(info, place);
      await Promise.all([opened, this.#readValues(turn), same ? null : this.#readShapes(turn)]);
    } finally {
      if (this.turn === turn) {
        this.busy = false;
        this.redraw();
        this.#announce();
      }
    }
  }

  /** Show nothing. */
  close() {
    this.turn = null;
    this.busy = false;
    this.overlay.clear();
    Object.assign(this, { info: null, values: null, index: null, layerKey: null });
    this.view.close();
    this.overlay.draw({ scale: 1, left: 0, top: 0, width: 1, height: 1, ratio: 1 });
    this.element.dataset.slide = "";
    this.#announce();
  }

  /** Show the layer of this key, or none. */
  showLayer(key, opacity) {
    this.wanted = { key, opacity };
    this.overlay.fade(opacity);
    const layer = this.layers().find((found) => found.key === key);
    if (!this.values || !layer) this.overlay.painter = null;
    else if (this.layerKey !== key || !this.overlay.painter) {
      this.overlay.painter = new LayerPainter(this.index, this.values.arrays[key], layer);
    }
    this.layerKey = this.overlay.painter ? key : null;
    this.element.dataset.layer = this.layerKey ?? "";
    this.#title();
    this.redraw();
  }

  /** @param {Set<string>} shown which of outlines, tissue, grid, flags and notes */
  show(shown) {
    this.overlay.shown = shown;
    this.redraw();
  }

  choose(tile) {
    this.overlay.chosen = tile >= 0 ? tile : null;
    this.redraw();
  }

  /** The layers of which there are values. */
  layers() {
    return (this.info?.runs[this.run]?.layers ?? []).filter(({ key }) => this.values?.arrays[key]);
  }

  /** The layer that is shown, or undefined. */
  layer() {
    return this.layers().find(({ key }) => key === this.layerKey);
  }

  /** The classes of the model whose view of the slide this is. */
  get classes() {
    return this.info?.runs[this.run]?.classes ?? [];
  }

  redraw() {
    if (this.view.opened) this.overlay.draw(this.view.transform());
  }

  micronsPerPixel() {
    return this.info?.mpp && this.view.opened ? this.info.mpp / this.view.transform().scale : null;
  }

  async #readValues(turn) {
    const { info, run } = this;
    let values = null;
    try {
      if (info.runs[run]) values = await api.values(info.slide, run); // else the run has not predicted it yet
      this.told.trouble(this, "values", null);
    } catch (error) {
      if (turn === this.turn && error.status !== 404) this.told.trouble(this, "values", error.message);
    }
    if (turn !== this.turn) return;
    this.values = values;
    this.index = this.overlay.index = values && new TileIndex(values);
    if (this.wanted) this.showLayer(this.wanted.key, this.wanted.opacity);
  }

  async #readShapes(turn) {
    const read = async (ask) => {
      try {
        return await ask(this.info.slide);
      } catch (error) {
        if (error.status !== 404) this.told.trouble(this, "outlines", error.message);
        return null;
      }
    };
    const { info } = this;
    const [outlines, tissue, quality] = await Promise.all([
      read(api.outlines), info.tissue && read((slide) => tissueOutline(slide, info.tissue)), info.grid && read(api.quality),
    ]);
    if (turn !== this.turn) return;
    const colourOf = outlineColours(classesOf(outlines), this.classes);
    Object.assign(this.overlay, { outlines: outlinesOf(outlines, colourOf), tissue: tissue ?? [], flagged: flaggedTiles(quality, info.flags) });
    this.outlineClasses = classesOf(outlines).map((name) => ({ name, colour: colourOf(name) }));
  }

  #moved() {
    this.redraw();
    const perPixel = this.micronsPerPixel();
    this.bar.update(perPixel);
    this.magnification.textContent = perPixel ? `${magnification(perPixel)}  ${perPixel.toPrecision(3)} µm/px` : "";
    this.told.moved(this);
  }

  #announce() {
    const settled = !this.busy && this.view.rests;
    this.element.dataset.settled = settled ? "yes" : "no";
    if (this.info) this.element.dataset.slide = this.info.slide;
    if (settled) this.element.dataset.place = Object.values(this.view.place()).map((value) => value.toPrecision(8)).join(" ");
    if (settled) this.told.rested(this);
  }

  #title() {
    const layer = this.layer();
    fill(this.name, [this.title, layer?.name].filter(Boolean).join(" · "));
    this.element.setAttribute("aria-label", `Slide ${this.name.textContent}`);
  }
}
