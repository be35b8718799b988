// The room of one slide, or of two side by side.

import { Beside } from "./beside.js";
import { button, element, fill } from "./dom.js";
import { mistaken, verdict } from "./filters.js";
import { chosenLayer, LayerPanel, OPACITY } from "./layer_panel.js";
import { Link } from "./linked.js";
import { settle, tell } from "./messages.js";
import { NotePanel } from "./note_panel.js";
import { Pane } from "./pane.js";
import { slideFacts } from "./slide_facts.js";
import { TileCard } from "./tile_card.js";
import { pictureOf, save } from "./view_picture.js";

const PAN = 0.15; // of the view, at each key
const ZOOM = 1.4;

export class SlideRoom {
  constructor(app) {
    this.app = app;
    const told = {
      moved: (pane) => this.link.follow(pane),
      rested: (pane) => this.#rested(pane),
      chosen: (pane, tile) => this.#chooseTile(pane, tile),
      trouble: (pane, about, sentence) => this.#trouble(pane, about, sentence),
    };
    this.panes = [new Pane(told), new Pane(told)];
    this.panes[1].element.hidden = true;
    this.link = new Link(...this.panes);
    this.beside = new Beside(app, (on) => {
      this.link.on = on;
      if (on) this.link.join();
    });
    this.layers = new LayerPanel(app);
    this.tile = new TileCard(() => this.#chooseTile(this.panes[0], -1));
    this.notes = new NotePanel(app);
    this.facts = element("section", { class: "panel", "aria-label": "Slide" });
    this.position = element("span", { class: "faint" });
    this.element = element(
      "section",
      { class: "slide-room", "aria-label": "Slide" },
      element(
        "div",
        { class: "stage" },
        element(
          "div",
          { class: "tools", role: "toolbar", "aria-label": "Slide" },
          button("‹ Previous", () => this.#step(-1), { title: "k" }), button("Next ›", () => this.#step(1), { title: "j" }),
          button("Next mistake", () => this.#mistake(1), { title: "m" }), this.position, this.beside.element,
          button("Whole", () => this.#home(), { title: "The whole slide (h)" }), button("Picture", () => this.#save(), { title: "Save the view as PNG (s)" }),
        ),
        element("div", { class: "panes" }, this.panes.map((pane) => pane.element)),
      ),
      element("aside", { class: "side" }, this.facts, this.tile.element, this.layers.element, this.notes.element),
    );
  }

  enter() {
    this.shown = null;
    this.update();
    this.panes[0].element.focus({ preventScroll: true });
  }

  leave() {
    this.turn = null; // what is still being opened says nothing any more
  }

  cohortChanged() {
    const slide = this.app.cohort.byName.get(this.app.state.slide);
    const news = JSON.stringify(slide);
    if (news !== this.news) {
      this.news = news;
      this.shown = null; // it may have been predicted by now
    }
    this.update();
  }

  notesChanged() {
    this.notes.update();
    this.#showPlaces();
  }

  /** Show what the state says, changing only what differs from what is shown. */
  async update() {
    const { state, cohort, runKey } = this.app;
    const slide = cohort.byName.get(state.slide);
    if (!slide) {
      this.#absent(`There is no slide ${state.slide} in this cohort.`);
      return;
    }
    const wanted = [{ slide: slide.slide, run: runKey }, this.beside.wanted()];
    if (slide.slide !== this.slide) this.#newSlide(slide);
    this.beside.update();
    this.#position(slide);
    this.panes[1].element.hidden = !wanted[1];
    const address = JSON.stringify(wanted);
    const elsewhere = state.x !== undefined && !near(state, this.place);
    if (address !== this.shown) {
      this.shown = address;
      delete document.body.dataset.ready;
      await this.#open(slide, wanted);
    } else if (elsewhere && this.panes[0].view.opened) {
      this.link.leader = this.panes[0];
      this.panes[0].view.goTo(state);
    }
    this.#showLayers();
  }

  keys() {
    const pan = (across, down) => () => this.#leading().panBy(across * PAN, down * PAN);
    const zoom = (factor) => () => this.#leading().zoomBy(factor);
    const { app } = this;
    return {
      title: "Slide",
      keys: [
        { keys: ["j"], what: "next slide", act: () => this.#step(1) },
        { keys: ["k"], what: "previous slide", act: () => this.#step(-1) },
        { keys: ["m"], what: "next mistake", act: () => this.#mistake(1) },
        { keys: ["M"], what: "previous mistake", act: () => this.#mistake(-1) },
        { keys: ["ArrowLeft"], what: "to the left", act: pan(-1, 0) }, { keys: ["ArrowRight"], what: "to the right", act: pan(1, 0) },
        { keys: ["ArrowUp"], what: "up", act: pan(0, -1) }, { keys: ["ArrowDown"], what: "down", act: pan(0, 1) },
        { keys: ["+", "="], shown: "+", what: "closer", act: zoom(ZOOM) }, { keys: ["-"], what: "farther", act: zoom(1 / ZOOM) },
        { keys: ["h"], what: "the whole slide", act: () => this.#home() },
        ...this.layers.keys(),
        { keys: ["b"], what: "a slide beside it", act: () => this.beside.focus() },
        { keys: ["e"], what: "write a note", act: () => this.notes.focus() },
        { keys: ["s"], what: "save the picture", act: () => this.#save() },
        { keys: ["Escape"], what: "close the tile, or back to the cohort", act: () => (this.tile.element.hidden ? app.go({ room: "cohort" }) : this.#chooseTile(this.panes[0], -1)) },
      ],
    };
  }

  async #open(slide, wanted) {
    const { state } = this.app;
    const place = state.x === undefined ? null : { x: state.x, y: state.y, zoom: state.zoom };
    this.link.anchors = null;
    const turn = (this.turn = {});
    await Promise.all(wanted.map(async (each, number) => {
      const pane = this.panes[number];
      if (!each) return;
      try {
        const info = await this.app.slideInfo(each.slide);
        if (turn !== this.turn) return;
        if (number === 0) fill(this.facts, slideFacts(this.app.cohort, this.app.runKey, slide, info));
        const there = number === 0 ? place : each.slide === slide.slide ? place : null;
        await pane.open(info, each.run, { place: there, title: this.#title(each, wanted) });
        if (info.unreadable) tell(`open ${number}`, info.unreadable);
        else settle(`open ${number}`);
      } catch (error) {
        if (turn !== this.turn) return;
        pane.close();
        tell(`open ${number}`, slide.reason ? `${error.message} It was set aside: ${slide.reason}` : error.message);
      }
    }));
    if (turn !== this.turn) return;
    if (wanted[1]) this.link.join();
    this.#showLayers();
    this.#showPlaces();
    this.#showTile(this.panes[0], state);
    document.body.dataset.ready = `slide ${slide.slide}`;
  }

  /** Choose the tile of the address, and go to it where the address has no place. */
  #showTile(pane, { tile, zoom, x: asked }) {
    if (!pane.index || !(tile >= 0 && tile < pane.index.count)) return;
    const { x, y, extent } = pane.index;
    if (asked === undefined) pane.view.goTo({ x: x[tile] + extent / 2, y: y[tile] + extent / 2, zoom }, true);
    this.#chooseTile(pane, tile);
  }

  #title({ slide, run }, wanted) {
    const name = this.app.cohort.run(run).name;
    return wanted[1] && this.app.cohort.runs.length > 1 ? `${slide} · ${name}` : slide;
  }

  #newSlide(slide) {
    this.slide = slide.slide;
    this.news = JSON.stringify(slide);
    this.place = null;
    for (const about of ["picture", "values", "outlines", "tile"]) settle(about);
    this.#forgetTile();
    fill(this.facts, slideFacts(this.app.cohort, this.app.runKey, slide, null));
    this.notes.open();
  }

  #absent(sentence) {
    tell("open 0", sentence);
    this.slide = this.shown = null;
    for (const pane of this.panes) pane.close();
    fill(this.facts, element("p", { class: "faint" }, sentence));
    document.body.dataset.ready = "slide";
  }

  #showLayers() {
    const { state } = this.app;
    for (const pane of this.#visible()) {
      const { predicted } = verdict(this.app.cohort.byName.get(pane.info.slide) ?? {}, pane.run);
      pane.showLayer(chosenLayer(pane.layers(), state.layer, predicted), state.opacity ?? OPACITY);
      pane.show(this.layers.shown());
    }
    this.layers.update(this.panes[0], this.#visible().filter((pane) => pane !== this.panes[0]));
  }

  #showPlaces() {
    for (const pane of this.#visible()) {
      pane.overlay.places = this.app.notes.ofSlide(pane.info.slide).map(({ place }) => place).filter(Boolean);
      pane.redraw();
    }
  }

  #visible() {
    return this.panes.filter((pane) => pane.info && !pane.element.hidden);
  }

  #leading() {
    return this.panes[1].element.hidden ? this.panes[0].view : this.link.leader.view;
  }

  #position(slide) {
    const slides = this.app.cohort.ordered(this.app.state);
    const place = slides.indexOf(slide);
    fill(this.position, place < 0 ? `beside the ${slides.length} shown` : `${place + 1} of ${slides.length}`);
  }

  #rested(pane) {
    if (pane !== this.panes[0] || this.app.state.room !== "slide" || this.app.state.slide !== pane.info.slide) return;
    this.place = pane.view.place();
    if (!near(this.app.state, this.place)) this.app.remember(this.place);
  }

  #chooseTile(pane, tile) {
    const ofAddress = tile >= 0 && pane === this.panes[0] ? tile : undefined;
    if (this.app.state.slide === this.slide && ofAddress !== this.app.state.tile) this.app.remember({ tile: ofAddress });
    this.#forgetTile();
    if (tile < 0) return;
    pane.choose(tile);
    const { x, y, extent } = pane.index;
    this.tile.show(pane, tile);
    this.notes.choosePlace(pane.info.slide === this.app.state.slide ? { x: x[tile], y: y[tile], size: extent } : null);
  }

  #forgetTile() {
    for (const pane of this.panes) pane.choose(-1);
    this.tile.hide();
    this.notes.choosePlace(null);
  }

  #trouble(pane, about, sentence) {
    if (sentence) tell(about, `${pane.info?.slide}: ${sentence}`);
    else settle(about);
  }

  #step(steps) {
    const found = this.app.cohort.step(this.app.state, this.app.current, steps);
    if (found) this.app.openSlide(found.slide);
    else tell("end", steps > 0 ? "This is the last slide." : "This is the first slide.", { once: true });
  }

  #mistake(direction) {
    const found = this.app.cohort.nextMistake(this.app.state, this.app.current, direction);
    if (found) this.app.openSlide(found.slide);
    else {
      const slide = this.app.cohort.byName.get(this.app.current);
      const only = slide && mistaken(slide, this.app.runKey);
      tell("end", only ? "This is the only mistake." : "No slide that is shown in the cohort is wrong.", { once: true });
    }
  }

  #home() {
    if (this.#leading().opened) this.#leading().home();
  }

  async #save() {
    const panes = this.#visible().filter((pane) => pane.view.opened);
    if (!panes.length) return;
    save(await pictureOf(panes, this.app.state.opacity ?? OPACITY), `${panes.map((pane) => pane.info.slide).join("_")}.png`);
  }
}

/** Whether two places look the same on the screen. */
function near(state, place) {
  if (!place || state.x === undefined || state.zoom === undefined) return false;
  const apart = Math.max(Math.abs(state.x - place.x), Math.abs(state.y - place.y)) * place.zoom;
  return apart < 0.6 && Math.abs(state.zoom / place.zoom - 1) < 1e-4;
}
