// The room of the whole cohort: a table or a wall of all slides.

import { element, fill } from "./dom.js";
import { FilterBar } from "./filter_bar.js";
import { mistaken, SORTS, verdict } from "./filters.js";
import { tell } from "./messages.js";
import { className, judgement, prediction, standing, thumbnail } from "./slide_marks.js";
import { VirtualList } from "./virtual_list.js";

const SHOWN = "slidemill cohort shown";
const ROW_HEIGHT = 54;
const CELL = { width: 196, height: 222 };
const COLUMNS = [
  ["", null], ["Slide", "slide"], ["Patient", "patient"], ["Site", "site"], ["Split", "split"],
  ["True class", "label"], ["Predicted, score", "score"], ["", "right"], ["Uncertainty", "uncertainty"],
  ["Tiles", "tiles"], ["State, flags", "state"],
];

export class CohortRoom {
  constructor(app) {
    this.app = app;
    this.filters = new FilterBar(app);
    this.head = element("div", { class: "row head", role: "row" });
    this.place = element("div", { class: "list-place" });
    this.element = element("section", { class: "cohort-room", "aria-label": "Cohort" }, this.filters.element, this.place);
    this.slides = [];
  }

  enter() {
    this.update();
    this.list.element.focus({ preventScroll: true });
    if (this.at() >= 0) this.list.reveal(this.at());
  }

  /** Show what the state and the cohort now say. */
  update() {
    const { cohort, state } = this.app;
    this.slides = cohort.ordered(state);
    this.#chooseList(state.view === "wall" ? "wall" : "table");
    this.filters.update(this.slides);
    if (this.kind === "table") fill(this.head, COLUMNS.map((column) => this.#heading(column)));
    this.list.element.setAttribute("aria-rowcount", this.slides.length);
    this.list.setItems(this.slides);
    this.#markCurrent();
    this.empty.hidden = this.slides.length > 0;
    document.body.dataset.ready = "cohort";
    if (!performance.getEntriesByName(SHOWN).length) performance.mark(SHOWN); // for who measures the page
  }

  keys() {
    const by = (steps) => () => this.#select(Math.min(this.slides.length - 1, Math.max(0, this.at() + steps)));
    const row = () => (this.kind === "wall" ? this.list.columns : 1);
    return {
      title: "Cohort",
      keys: [
        { keys: ["j"], what: "next slide", act: by(1) },
        { keys: ["k"], what: "previous slide", act: by(-1) },
        { keys: ["ArrowDown"], what: "down", act: () => by(row())() },
        { keys: ["ArrowUp"], what: "up", act: () => by(-row())() },
        { keys: ["ArrowRight"], what: "next on the wall", act: by(1) },
        { keys: ["ArrowLeft"], what: "previous on the wall", act: by(-1) },
        { keys: ["Home"], what: "first slide", act: by(-Infinity) },
        { keys: ["End"], what: "last slide", act: by(Infinity) },
        { keys: ["m"], what: "next mistake", act: () => this.#mistake(1) },
        { keys: ["M"], what: "previous mistake", act: () => this.#mistake(-1) },
        { keys: ["Enter"], what: "open the slide", act: () => this.#open() },
        { keys: ["w"], what: "table or wall", act: () => this.filters.view.click() },
        { keys: ["/"], what: "search", act: () => this.filters.focus() },
      ],
    };
  }

  at() {
    return this.slides.findIndex((slide) => slide.slide === this.app.current);
  }

  #mistake(direction) {
    const found = this.app.cohort.nextMistake(this.app.state, this.app.current, direction);
    if (found) this.#select(this.slides.indexOf(found));
    else if (!this.slides.some((slide) => mistaken(slide, this.app.runKey))) {
      tell("mistakes", "No slide that is shown here is wrong.", { once: true });
    }
  }

  #select(place) {
    if (!this.slides[place]) return;
    const before = this.at();
    this.app.choose(this.slides[place].slide);
    this.list.reveal(place);
    this.#mark(before, false);
    this.#mark(place, true);
    this.#markCurrent();
  }

  /** Show whether the item at this place, where it is on the page, is the current one. */
  #mark(place, current) {
    const item = this.list.drawn.get(place);
    item?.classList.toggle("current", current);
    item?.setAttribute("aria-selected", String(current));
  }

  #markCurrent() {
    const place = this.at();
    if (place >= 0) this.list.element.setAttribute("aria-activedescendant", `slide-${place}`);
    else this.list.element.removeAttribute("aria-activedescendant");
    this.element.dataset.current = this.app.current ?? "";
  }

  #open() {
    if (this.at() < 0) this.#select(0);
    if (this.app.current) this.app.openSlide(this.app.current);
  }

  #chooseList(kind) {
    if (this.kind === kind) return;
    this.kind = kind;
    const table = kind === "table";
    this.list?.watcher.disconnect();
    this.list = new VirtualList({
      draw: (slide, place) => (table ? this.#row(slide, place) : this.#cell(slide, place)),
      height: table ? ROW_HEIGHT : CELL.height,
      width: table ? undefined : CELL.width,
      properties: { class: `list ${kind}`, role: table ? "grid" : "listbox", "aria-label": "Slides", tabindex: 0 },
    });
    this.empty = element("p", { class: "waiting", hidden: true }, "No slide is like that.");
    fill(this.place, table ? this.head : null, this.list.element, this.empty);
  }

  #heading([text, key]) {
    if (!key) return element("span", { role: "columnheader" }, text);
    const { cohort, state } = this.app;
    const sorted = cohort.sort(state) === key;
    const down = cohort.down(state);
    const turned = sorted ? !down : Boolean(SORTS[key].down);
    return element(
      "button",
      {
        type: "button", role: "columnheader", "aria-sort": sorted ? (down ? "descending" : "ascending") : "none",
        title: `Sort by ${SORTS[key].name}`, onclick: () => this.app.adjust({ sort: key, down: turned ? "yes" : "no" }),
      },
      text || "Right?", sorted ? (down ? " ↓" : " ↑") : "",
    );
  }

  #row(slide, place) {
    const { cohort, runKey } = this.app;
    const cell = (content, kind = "") => element("span", { class: kind, role: "gridcell" }, content);
    return element(
      "div",
      this.#itemProperties(slide, place, "row"),
      cell(this.#link(slide, thumbnail(slide), { tabindex: -1, "aria-hidden": "true" })),
      cell(this.#link(slide, slide.slide), "id"),
      cell(slide.patient, "id faint"), cell(slide.site), cell([slide.split, fold(slide)]),
      cell(className(slide.label, cohort.placeOf(slide.label, runKey))),
      cell(prediction(slide, cohort, runKey), "prediction"), cell(judgement(slide, runKey)),
      cell(uncertainty(slide, runKey), "number"), cell(slide.tiles?.toLocaleString("en") ?? "", "number"),
      cell(standing(slide), "standing"),
    );
  }

  #cell(slide, place) {
    const { cohort, runKey } = this.app;
    return element(
      "div",
      this.#itemProperties(slide, place, "option"),
      this.#link(slide, thumbnail(slide), { tabindex: -1 }),
      element("span", { class: "id", title: slide.slide }, slide.slide),
      element("span", { class: "line" }, className(slide.label, cohort.placeOf(slide.label, runKey)), judgement(slide, runKey)),
      element("span", { class: "line prediction" }, prediction(slide, cohort, runKey) ?? standing(slide)),
    );
  }

  #itemProperties(slide, place, role) {
    const current = slide.slide === this.app.current;
    const kinds = [role === "row" ? "row" : "cell", current && "current", mistaken(slide, this.app.runKey) && "mistaken"];
    return {
      id: `slide-${place}`, class: kinds.filter(Boolean).join(" "), role, "aria-rowindex": role === "row" && place + 1,
      "aria-selected": String(current), data: { slide: slide.slide },
      onclick: () => this.#select(place), ondblclick: () => this.#open(),
    };
  }

  #link(slide, content, properties = {}) {
    return element("a", { href: this.app.addressOf(slide.slide), draggable: "false", ...properties }, content);
  }
}

function fold(slide) {
  return slide.fold === null || slide.fold === undefined ? null : element("span", { class: "faint" }, ` fold ${slide.fold}`);
}

function uncertainty(slide, run) {
  return verdict(slide, run).uncertainty?.toFixed(2) ?? "";
}
