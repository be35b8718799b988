// Notes as a list, each with the way to its place.

import { element } from "./dom.js";

/** @param app the page @param {object[]} notes newest last @param {{slides: boolean}} how whether slides are named */
export function noteList(app, notes, { slides }) {
  if (!notes.length) return element("p", { class: "faint" }, slides ? "No notes yet." : "No notes of this slide yet.");
  return element("ol", { class: "notes" }, [...notes].reverse().map((note) => noteItem(app, note, slides)));
}

/** When it was written, as the reader's clock says. */
export function when(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

function noteItem(app, note, withSlide) {
  const { place } = note;
  const at = place && { x: place.x + place.size / 2, y: place.y + place.size / 2, zoom: place.size ? Math.min(1, 240 / place.size) : 0.5 };
  const address = app.addressOf(note.slide, at ?? {});
  const where = place ? `at ${Math.round(place.x)}, ${Math.round(place.y)}` : "whole slide";
  return element(
    "li",
    { class: "note", data: { note: note.id, mark: note.mark } },
    element("span", { class: `mark ${note.mark.replace(" ", "-")}` }, note.mark),
    withSlide && element("a", { class: "id", href: address }, note.slide),
    element("a", { class: "faint", href: address }, where),
    note.text && element("p", { class: "note-text" }, note.text),
    element("span", { class: "faint small" }, [note.reader, when(note.time)].filter(Boolean).join(", ")),
  );
}
