// The room of all notes.

import { choice, element, fill, setOptions } from "./dom.js";
import { noteList } from "./note_list.js";
import { MARKS } from "./notes.js";

export class NotesRoom {
  constructor(app) {
    this.app = app;
    this.chosen = { mark: "", reader: "" };
    const change = (name) => (value) => {
      this.chosen[name] = value;
      this.update();
    };
    this.mark = choice("Mark", [["", "all"], ...MARKS.map((mark) => [mark, mark])], "", change("mark"));
    this.reader = choice("Reader", [["", "all"]], "", change("reader"));
    this.count = element("p", { class: "count", role: "status" });
    this.list = element("div", { class: "note-room-list" });
    this.element = element(
      "section",
      { class: "notes-room", "aria-label": "Notes" },
      element(
        "div",
        { class: "filters" },
        this.mark, this.reader, this.count,
        element("a", { class: "button", href: "api/notes.csv", download: "notes.csv" }, "CSV"),
        element("a", { class: "button", href: "api/notes.geojson", download: "notes.geojson" }, "GeoJSON"),
      ),
      this.list,
    );
  }

  enter() {
    this.update();
    document.getElementById("room").focus();
  }

  update() {
    const { all } = this.app.notes;
    const readers = [...new Set(all.map(({ reader }) => reader).filter(Boolean))].sort();
    setOptions(this.reader.querySelector("select"), [["", "all"], ...readers.map((name) => [name, name])], this.chosen.reader);
    const shown = all.filter(({ mark, reader }) =>
      (!this.chosen.mark || mark === this.chosen.mark) && (!this.chosen.reader || reader === this.chosen.reader),
    );
    const many = shown.length === all.length ? all.length : `${shown.length} of ${all.length}`;
    fill(this.count, all.length === 1 ? "1 note" : `${many} notes`);
    fill(this.list, noteList(this.app, shown, { slides: true }));
    document.body.dataset.ready = "notes";
  }

  notesChanged() {
    this.update();
  }

  keys() {
    return { title: "Notes", keys: [] };
  }
}
