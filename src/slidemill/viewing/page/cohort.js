// The cohort as the server knows it, asked for again while the run goes on.

import { api } from "./server.js";
import { matching, mistaken, SORTS, sorted } from "./filters.js";

export class Cohort {
  constructor() {
    this.title = "";
    this.runs = [];
    this.slides = [];
    this.byName = new Map();
    this.complete = true; // whether the server had read all that is there
    this.seen = { etag: null };
    this.version = 0; // grows with each change
    this.sortedOnce = { key: "", slides: [] };
  }

  /** Ask the server; whether something changed. */
  async refresh() {
    const found = await api.cohort(this.seen);
    if (!found) return false;
    this.title = found.title;
    this.runs = found.runs;
    this.slides = found.slides;
    this.complete = found.complete !== false;
    this.byName = new Map(found.slides.map((slide) => [slide.slide, slide]));
    this.version += 1;
    return true;
  }

  /** The run of this key, or the first. */
  run(key) {
    return this.runs.find((run) => run.key === key) ?? this.runs[0] ?? { key: "", name: "", classes: [] };
  }

  /** The place of a class among those of a run, by which it is coloured. */
  placeOf(name, runKey) {
    return this.run(runKey).classes.indexOf(name);
  }

  /** Whether a sort goes downwards: as the state says, else as is natural for it. */
  down(state) {
    return state.down === undefined ? Boolean(SORTS[this.sort(state)].down) : state.down === "yes";
  }

  /** What slides are sorted by; by uncertainty once something is predicted. */
  sort(state) {
    return state.sort in SORTS ? state.sort : "uncertainty";
  }

  /** The slides that a state lets through, in its order. */
  ordered(state) {
    const run = this.run(state.run);
    const down = this.down(state);
    const key = `${this.version} ${this.sort(state)} ${down} ${run.key}`;
    if (this.sortedOnce.key !== key) {
      this.sortedOnce = { key, slides: sorted(this.slides, this.sort(state), down, run.key) };
    }
    return matching(this.sortedOnce.slides, state, { run: run.key, classes: run.classes });
  }

  /**
   * The slide that many steps after another in the order of a state, or null at the end. From a slide that the filter
   * does not let through it goes on at the first, or the last.
   */
  step(state, name, steps) {
    const slides = this.ordered(state);
    const place = slides.findIndex((slide) => slide.slide === name);
    if (place < 0) return (steps > 0 ? slides[0] : slides.at(-1)) ?? null;
    return slides[place + steps] ?? null;
  }

  /** The next slide that the run has wrong, going round; null where there is none but this. */
  nextMistake(state, name, direction = 1) {
    const slides = this.ordered(state);
    const run = this.run(state.run).key;
    const start = slides.findIndex((slide) => slide.slide === name);
    const from = start < 0 && direction < 0 ? slides.length : start;
    for (let step = 1; step <= slides.length; step += 1) {
      const slide = slides.at((((from + step * direction) % slides.length) + slides.length) % slides.length);
      if (slide.slide !== name && mistaken(slide, run)) return slide;
    }
    return null;
  }
}
