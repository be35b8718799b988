// The filters above the cohort.

import { button, choice, element, fill, setOptions } from "./dom.js";
import { mistaken, SORTS, valuesOf } from "./filters.js";
import { FILTERS } from "./links.js";

const CHOICES = [
  ["split", "Split", (cohort) => valuesOf(cohort.slides, "split")],
  ["label", "True class", (cohort) => valuesOf(cohort.slides, "label")],
  ["predicted", "Predicted", (cohort, run) => run.classes],
  ["right", "Right or wrong", () => ["right", "wrong"]],
  ["site", "Site", (cohort) => valuesOf(cohort.slides, "site")],
  ["flag", "Flag", (cohort) => valuesOf(cohort.slides, "flags")],
  ["state", "State", (cohort) => valuesOf(cohort.slides, "state")],
];

export class FilterBar {
  /** @param app the page: its cohort, its state, and `adjust(changes)`. */
  constructor(app) {
    this.app = app;
    const change = (name) => (value) => app.adjust({ [name]: value || undefined });
    this.text = element("input", {
      type: "search", id: "search", placeholder: "slide, patient, site …", autocomplete: "off",
      oninput: () => change("text")(this.text.value),
    });
    this.fields = CHOICES.map(([name, label]) => choice(label, [["", "all"]], "", change(name), { name }));
    this.of = choice("Score of", [], "", change("of"), { name: "of" });
    this.from = this.#bound("from", change("from"));
    this.to = this.#bound("to", change("to"));
    this.sort = choice(
      "Sorted by",
      Object.entries(SORTS).map(([key, { name }]) => [key, name]),
      "uncertainty",
      (value) => app.adjust({ sort: value, down: undefined }),
      { name: "sort" },
    );
    this.down = button("", () => app.adjust({ down: app.cohort.down(app.state) ? "no" : "yes" }), { class: "quiet" });
    this.view = button("", () => app.adjust({ view: app.state.view === "wall" ? undefined : "wall" }), { id: "view" });
    this.reset = button("Show all", () => app.adjust(Object.fromEntries(FILTERS.map((name) => [name, undefined]))), {
      class: "quiet",
    });
    this.count = element("p", { class: "count", role: "status", "aria-live": "polite" });
    this.element = element(
      "form",
      { class: "filters", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
      element("label", { class: "field wide" }, element("span", {}, "Search"), this.text),
      this.fields,
      element("span", { class: "field range" }, this.of, this.from, "to", this.to),
      this.sort, this.down, this.view, this.count, this.reset,
    );
  }

  focus() {
    this.text.focus();
    this.text.select();
  }

  /** Show the filters of the state, with what there is to choose. */
  update(shown) {
    const { cohort, state } = this.app;
    const run = cohort.run(state.run);
    if (document.activeElement !== this.text) this.text.value = state.text ?? "";
    CHOICES.forEach(([name, , values], place) => {
      const found = values(cohort, run);
      this.fields[place].hidden = found.length === 0;
      setOptions(this.fields[place].querySelector("select"), [["", "all"], ...found.map(twice)], state[name] ?? "");
    });
    const best = [["", "predicted class"], ...run.classes.map(twice)];
    setOptions(this.of.querySelector("select"), best, state.of ?? "");
    for (const name of ["from", "to"]) if (document.activeElement !== this[name]) this[name].value = state[name] ?? "";
    this.sort.querySelector("select").value = cohort.sort(state);
    const down = cohort.down(state);
    fill(this.down, down ? "↓" : "↑");
    this.down.setAttribute("aria-label", down ? "Highest first" : "Lowest first");
    this.down.title = down ? "Highest first" : "Lowest first";
    fill(this.view, state.view === "wall" ? "Table" : "Wall");
    const wrong = shown.filter((slide) => mistaken(slide, run.key)).length;
    const all = cohort.slides.length;
    fill(this.count, `${shown.length === all ? all : `${shown.length} of ${all}`} slides, ${wrong} wrong`);
    this.reset.hidden = !FILTERS.some((name) => state[name]);
  }

  #bound(name, change) {
    const input = element("input", {
      type: "number", min: 0, max: 1, step: 0.05, name, placeholder: name === "from" ? "0" : "1",
      "aria-label": name === "from" ? "Lowest score" : "Highest score", oninput: () => change(input.value),
    });
    return input;
  }
}

const twice = (value) => [value, value];
