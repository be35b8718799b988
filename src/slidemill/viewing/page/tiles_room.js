// The room of tiles: typical, untypical, uncertain and mistaken ones of each class, each leading to its place.

import { api, picture } from "./server.js";
import { choice, element, fill, setOptions } from "./dom.js";
import { tell, settle } from "./messages.js";
import { className } from "./slide_marks.js";

const KINDS = {
  typical: "Typical: the highest scores of this class, on its slides",
  untypical: "Untypical: the lowest scores of this class, on its slides",
  uncertain: "Uncertain: the least lead of one class over the next, on its slides",
  mistaken: "Mistaken: the highest scores of this class, on slides wrongly predicted as it",
};
const ZOOM = 0.5; // CSS pixels for a level-0 pixel, where a tile is shown in its place

export class TilesRoom {
  constructor(app) {
    this.app = app;
    this.of = choice("Class", [], "", (value) => app.adjust({ kind: value }));
    this.content = element("div", { class: "galleries" });
    this.element = element("section", { class: "tiles-room", "aria-label": "Tiles" }, element("div", { class: "filters" }, this.of), this.content);
  }

  async enter() {
    document.getElementById("room").focus();
    await this.update();
  }

  leave() {
    this.turn = null;
  }

  async update() {
    const run = this.app.runKey;
    const turn = (this.turn = {});
    try {
      if (this.read?.run !== run || this.read.version !== this.app.cohort.version) {
        fill(this.content, element("p", { class: "waiting" }, "Choosing tiles …"));
        const galleries = await api.galleries(run);
        if (turn !== this.turn) return;
        this.read = { run, version: this.app.cohort.version, galleries };
      }
      settle("tiles");
    } catch (error) {
      if (turn !== this.turn) return;
      tell("tiles", error.message);
      fill(this.content, element("p", { class: "waiting" }, "There are no tiles to show."));
    }
    if (turn !== this.turn) return;
    if (this.read?.run === run) this.#show();
    document.body.dataset.ready = "tiles";
  }

  keys() {
    return { title: "Tiles", keys: [] };
  }

  #show() {
    const { classes } = this.read.galleries;
    const names = Object.keys(classes);
    const name = names.includes(this.app.state.kind) ? this.app.state.kind : names[0];
    setOptions(this.of.querySelector("select"), names.map((found) => [found, found]), name ?? "");
    if (!name) {
      fill(this.content, element("p", { class: "waiting" }, "No tile is scored yet."));
      return;
    }
    const place = this.app.cohort.placeOf(name, this.read.run);
    fill(
      this.content,
      element("h2", {}, className(name, place)),
      Object.entries(KINDS).map(([kind, meaning]) => this.#gallery(name, meaning, classes[name][kind] ?? [])),
    );
  }

  #gallery(name, meaning, tiles) {
    const [title, rest] = meaning.split(": ");
    return element(
      "section",
      { class: "gallery", "aria-label": `${title} tiles of ${name}` },
      element("h3", {}, title, element("span", { class: "faint" }, ` ${rest}`)),
      tiles.length
        ? element("ul", {}, tiles.map((tile) => this.#tile(name, tile)))
        : element("p", { class: "faint" }, "There are none."),
    );
  }

  #tile(name, { slide, index, score }) {
    const at = { x: undefined, y: undefined, tile: index, zoom: ZOOM, layer: `score:${name}` };
    const truth = this.app.cohort.byName.get(slide)?.label;
    return element(
      "li",
      {},
      element(
        "a",
        { href: this.app.addressOf(slide, at), title: `${slide}, tile ${index}` },
        element("img", { src: picture.tile(slide, index, this.read.run), loading: "lazy", alt: `Tile ${index} of ${slide}`, width: 128, height: 128 }),
        element("span", { class: "line" }, element("span", { class: "number" }, score?.toFixed(3) ?? ""), element("span", { class: "faint" }, truth ?? "")),
        element("span", { class: "id small" }, slide),
      ),
    );
  }
}
