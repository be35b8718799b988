// Notes beside a slide: those that there are, and a form for another.

import { button, element, fill } from "./dom.js";
import { tell } from "./messages.js";
import { noteList } from "./note_list.js";
import { drafts, MARKS, reader } from "./notes.js";

const LONGEST = 4000; // characters, as the server has it
const TEXTS = { agree: "Agree", disagree: "Disagree", "look again": "Look again", note: "Note" };

export class NotePanel {
  constructor(app) {
    this.app = app;
    this.place = null;
    this.text = element("textarea", {
      rows: 3, maxlength: LONGEST, "aria-label": "Text of the note", placeholder: "What you see …",
      oninput: () => drafts.set(app.cohort.title, app.state.slide, this.text.value),
    });
    this.reader = element("input", {
      type: "text", maxlength: 100, autocomplete: "name", placeholder: "your name", "aria-label": "Reader",
      onchange: () => reader.set(this.reader.value.trim()),
    });
    this.scope = element("p", { class: "faint small scope" });
    this.marks = MARKS.map((mark) =>
      button(TEXTS[mark], () => this.#save(mark), { data: { mark }, class: `mark ${mark.replace(" ", "-")}` }),
    );
    this.list = element("div");
    this.element = element(
      "section",
      { class: "panel note-panel", "aria-label": "Notes" },
      element("h2", {}, "Notes"),
      this.scope, this.text, element("div", { class: "marks" }, this.marks), this.reader, this.list,
    );
  }

  /** Show the notes of the slide that is open, and its draft. */
  open() {
    const { app } = this;
    this.text.value = drafts.get(app.cohort.title, app.state.slide);
    this.reader.value = reader.get();
    this.choosePlace(null);
    this.update();
  }

  update() {
    fill(this.list, noteList(this.app, this.app.notes.ofSlide(this.app.state.slide), { slides: false }));
  }

  /** @param {{x: number, y: number, size: number}|null} place level-0 pixels; null is the whole slide. */
  choosePlace(place) {
    this.place = place;
    const whole = place && button("whole slide instead", () => this.choosePlace(null), { class: "quiet" });
    const where = place ? `On the tile at ${Math.round(place.x)}, ${Math.round(place.y)}. ` : "On the whole slide; click a tile to note its place.";
    fill(this.scope, where, whole);
  }

  focus() {
    this.text.focus();
  }

  async #save(mark) {
    const { app } = this;
    const text = this.text.value.trim();
    if (mark === "note" && !text) {
      tell("note", "A note without a mark needs a text.", { once: true });
      this.focus();
      return;
    }
    const { slide } = app.state;
    const note = { slide, place: this.place, mark, text, run: app.runKey };
    const name = this.reader.value.trim();
    if (name) note.reader = name; // else the server knows whose it is
    this.#busy(true);
    try {
      if (!(await app.notes.add(note))) return;
      drafts.set(app.cohort.title, slide, "");
      if (app.state.slide === slide && this.text.value.trim() === text) this.text.value = "";
    } finally {
      this.#busy(false);
    }
  }

  #busy(busy) {
    for (const mark of this.marks) mark.disabled = busy;
    this.element.dataset.saving = busy ? "yes" : "no";
  }
}
