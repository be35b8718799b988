// Notes of readers: those that the server has, and those that it has not yet taken. These stay in the browser until it has.

import { api, ApiError } from "./server.js";
import { settle, tell } from "./messages.js";

export const MARKS = ["agree", "disagree", "look again", "note"];
const READER = "slidemill-reader";
const DRAFTS = "slidemill-drafts";

export class Notes {
  /** @param {() => void} changed */
  constructor(changed) {
    this.all = [];
    this.seen = { etag: null };
    this.changed = changed;
  }

  async refresh() {
    const found = await api.notes(this.seen);
    if (!found) return;
    this.all = found;
    this.changed();
  }

  ofSlide(slide) {
    return this.all.filter((note) => note.slide === slide);
  }

  /**
   * Have the server keep a note.
   *
   * Where it does not answer it may have kept the note all the same: then it is found in the list and not sent twice.
   *
   * @returns {Promise<boolean>} whether it is kept; if not, the page says why
   */
  async add(note) {
    try {
      if (!(await this.#keptBefore(note))) {
        this.unsure = note;
        await api.addNote(note);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status) this.unsure = null;
      tell("note", `The note is not saved: ${error.message} It stays in the form; try again.`);
      return false;
    }
    this.unsure = null;
    settle("note");
    await this.refresh().catch((error) => tell("server", error.message));
    return true;
  }

  async #keptBefore(note) {
    if (!this.unsure || JSON.stringify(this.unsure) !== JSON.stringify(note)) return false;
    const before = new Set(this.all.map(({ id }) => id));
    await this.refresh();
    return this.all.some((kept) => !before.has(kept.id) && same(kept, note));
  }
}

function same(kept, note) {
  return ["slide", "mark", "text", "run"].every((name) => kept[name] === note[name]);
}

/** Who reads; asked for once for each browser. */
export const reader = {
  get: () => stored(READER, ""),
  set: (name) => store(READER, name),
};

/** What is written and not sent, by slide: it outlives the page. */
export const drafts = {
  get: (title, slide) => stored(DRAFTS, {})[`${title}\n${slide}`] ?? "",
  set(title, slide, text) {
    const all = stored(DRAFTS, {});
    if (text) all[`${title}\n${slide}`] = text;
    else delete all[`${title}\n${slide}`];
    store(DRAFTS, all);
  },
};

function stored(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise; // no storage, or something else in it
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    tell("storage", "This browser keeps nothing: what is written here is lost when the page is closed.", { once: true });
  }
}
