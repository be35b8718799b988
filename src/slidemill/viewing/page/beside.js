// What is shown beside the slide: another model's view of it, or another slide.

import { button, choice, element, fill, setOptions } from "./dom.js";
import { tell } from "./messages.js";
import { verdict } from "./filters.js";

const OFFERED = 50; // slides at once, of those that the text fits

export class Beside {
  /** @param app the page @param {(on: boolean) => void} linked the panes are to move together, or not */
  constructor(app, linked) {
    this.app = app;
    this.offers = element("datalist", { id: "other-slides" });
    this.text = element("input", {
      type: "search", list: "other-slides", placeholder: "another slide …", "aria-label": "Slide beside this one",
      oninput: () => this.#offer(), onchange: () => this.#chosen(),
    });
    this.runs = choice("Beside", [], "", (value) => app.adjust({ with: value || undefined }), { name: "with" });
    this.link = element("input", { type: "checkbox", name: "linked", onchange: () => linked(this.link.checked) });
    this.link.checked = true;
    this.linkLabel = element("label", { class: "option" }, this.link, "linked");
    this.close = button("×", () => app.adjust({ with: undefined }), { class: "quiet", "aria-label": "Only one slide" });
    this.element = element("span", { class: "beside" }, this.runs, this.text, this.offers, this.linkLabel, this.close);
  }

  /** The slide and the run that are to be beside, or null. */
  wanted() {
    const { state, cohort } = this.app;
    const [kind, name] = split(state.with);
    if (kind === "run" && cohort.runs.some(({ key }) => key === name)) return { slide: state.slide, run: name };
    if (kind === "slide" && cohort.byName.has(name)) return { slide: name, run: this.app.runKey };
    return null;
  }

  update() {
    const { cohort, state, runKey } = this.app;
    const slide = cohort.byName.get(state.slide);
    const others = cohort.runs.filter(({ key }) => key !== runKey && slide && verdict(slide, key).predicted);
    const options = others.map(({ key, name }) => [`run:${key}`, name]);
    const [kind, name] = split(state.with);
    if (kind === "slide") options.push([state.with, name]);
    setOptions(this.runs.querySelector("select"), [["", "nothing"], ...options], this.wanted() ? state.with : "");
    this.linkLabel.hidden = this.close.hidden = !this.wanted();
  }

  focus() {
    this.text.focus();
  }

  #offer() {
    const text = this.text.value.toLowerCase();
    const fitting = this.app.cohort.slides.filter(({ slide }) => slide.toLowerCase().includes(text)).slice(0, OFFERED);
    fill(this.offers, fitting.map(({ slide }) => element("option", { value: slide })));
  }

  #chosen() {
    const name = this.text.value.trim();
    if (!name) return;
    if (this.app.cohort.byName.has(name)) {
      this.text.value = "";
      this.app.adjust({ with: `slide:${name}` });
    } else tell("beside", `There is no slide ${name} in this cohort.`, { once: true });
  }
}

function split(beside = "") {
  const end = beside.indexOf(":");
  return [beside.slice(0, end), beside.slice(end + 1)];
}
