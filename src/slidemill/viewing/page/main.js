// The page: one state, which is its address; the room that the state names; and the cohort, asked for again and again.

import { ApiError, api } from "./server.js";
import { Cohort } from "./cohort.js";
import { CohortRoom } from "./cohort_room.js";
import { element, fill, setOptions } from "./dom.js";
import { Keys } from "./keys.js";
import { format, parse } from "./links.js";
import { settle, tell } from "./messages.js";
import { Notes } from "./notes.js";
import { NotesRoom } from "./notes_room.js";
import { SlideRoom } from "./slide_room.js";
import { TilesRoom } from "./tiles_room.js";

const POLL_MS = 10_000;
const WRITE_MS = 150; // browsers refuse addresses that change at each frame
const ROOM_NAMES = { cohort: "Cohort", slide: "Slide", tiles: "Tiles", notes: "Notes" };
const PLACE = { x: undefined, y: undefined, zoom: undefined, tile: undefined };
const SOON_MS = 1_000; // while the server still reads what is there

class Page {
  constructor() {
    this.cohort = new Cohort();
    this.notes = new Notes(() => this.room?.notesChanged?.());
    this.address = location.hash; // as it was when last read or written
    this.state = parse(this.address);
    this.infos = new Map(); // slide -> promise of what /api/slides tells
    this.rooms = {
      cohort: new CohortRoom(this), slide: new SlideRoom(this), tiles: new TilesRoom(this), notes: new NotesRoom(this),
    };
    this.keys = new Keys(() => [this.room?.keys(), this.#ownKeys()].filter(Boolean));
    document.getElementById("help").addEventListener("click", () => this.keys.help());
    this.runs = document.getElementById("run");
    this.runs.addEventListener("change", () => this.adjust({ run: this.runs.value, layer: undefined }));
    window.addEventListener("hashchange", () => this.#addressChanged());
    window.addEventListener("pagehide", () => this.#write());
    window.addEventListener("focus", () => this.refresh());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    window.addEventListener("error", ({ message }) => tell("page", `This page has a fault: ${message}`));
    window.addEventListener("unhandledrejection", ({ reason }) => tell("page", `This page has a fault: ${reason?.message ?? reason}`));
  }

  async start() {
    await this.refresh();
    setInterval(() => document.hidden || this.refresh(), POLL_MS);
  }

  /** Ask for what has changed; what is on the page stays where there is no answer. */
  async refresh() {
    if (this.asking) {
      this.askAgain = true; // what was asked before may be answered by what was there before
      return;
    }
    this.asking = true;
    try {
      const [changed] = await Promise.all([this.cohort.refresh(), this.notes.refresh()]);
      settle("server");
      if (changed) {
        this.infos.clear();
        this.#cohortChanged();
      }
      if (!this.cohort.complete) setTimeout(() => this.refresh(), SOON_MS);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell("server", error.message);
      document.body.dataset.ready ??= "error";
    } finally {
      this.asking = false;
      if (this.askAgain) {
        this.askAgain = false;
        this.refresh();
      }
    }
  }

  get runKey() {
    return this.cohort.run(this.state.run).key;
  }

  get current() {
    return this.state.slide;
  }

  /** Go to another room or slide; the way back is the browser's. */
  go(changes) {
    this.#write();
    this.state = { ...this.state, ...changes };
    history.pushState(null, "", format(this.state));
    this.address = location.hash;
    this.#show();
  }

  /** Show the same room in another way. */
  adjust(changes) {
    this.remember(changes);
    this.#write();
    this.#chrome();
    this.room.update();
  }

  /** Keep in the address what is already on the page. */
  remember(changes) {
    this.state = { ...this.state, ...changes };
    this.writing ??= setTimeout(() => this.#write(), WRITE_MS);
  }

  /** Another slide is the current one. */
  choose(slide) {
    this.remember(slide === this.state.slide ? {} : { slide, ...PLACE });
  }

  openSlide(slide, changes = {}) {
    this.go(this.#ofSlide(slide, changes));
  }

  /** The address of a slide, seen as this page now sees slides. */
  addressOf(slide, changes = {}) {
    return format({ ...this.state, ...this.#ofSlide(slide, changes) });
  }

  /** What the server tells of a slide, asked for once until the cohort changes. */
  slideInfo(slide) {
    if (!this.infos.has(slide)) {
      const asked = api.slide(slide);
      asked.catch(() => this.infos.delete(slide));
      this.infos.set(slide, asked);
    }
    return this.infos.get(slide);
  }

  #ofSlide(slide, changes) {
    const beside = this.state.with?.startsWith("run:") ? this.state.with : undefined;
    const place = slide === this.state.slide && this.state.room !== "slide" ? {} : PLACE;
    return { room: "slide", slide, with: beside, ...place, ...changes };
  }

  #addressChanged() {
    clearTimeout(this.writing);
    this.writing = null;
    this.address = location.hash;
    this.state = parse(this.address);
    this.#show();
  }

  #cohortChanged() {
    document.title = `${this.cohort.title} – slidemill`;
    document.getElementById("title").textContent = this.cohort.title;
    if (this.room) {
      this.#chrome();
      (this.room.cohortChanged ?? this.room.update).call(this.room);
    } else this.#show();
  }

  #show() {
    if (!this.cohort.version) return;
    const room = this.rooms[this.state.room];
    this.#chrome();
    if (room === this.room) {
      room.update();
      return;
    }
    this.room?.leave?.();
    this.room = room;
    delete document.body.dataset.ready;
    document.body.dataset.room = this.state.room;
    fill(document.getElementById("room"), room.element);
    room.enter();
  }

  /** The bar at the top. */
  #chrome() {
    const { state } = this;
    const there = Object.entries(ROOM_NAMES).filter(([room]) => room !== "slide" || state.slide);
    fill(
      document.getElementById("rooms"),
      there.map(([room, name]) =>
        element("a", { href: format({ ...state, room }), "aria-current": room === state.room && "page" }, name),
      ),
    );
    setOptions(this.runs, this.cohort.runs.map(({ key, name, method }) => [key, method && method !== name ? `${name} (${method})` : name]), this.runKey);
    this.runs.parentElement.hidden = this.cohort.runs.length < 2;
  }

  #write() {
    clearTimeout(this.writing);
    this.writing = null;
    if (location.hash !== this.address || !this.cohort.version) return; // the reader has gone elsewhere meanwhile
    history.replaceState(null, "", format(this.state));
    this.address = location.hash;
  }

  #ownKeys() {
    const to = (room) => () => this.go({ room });
    return {
      title: "Everywhere",
      keys: [
        { keys: ["C"], what: "to the cohort", act: to("cohort") },
        { keys: ["T"], what: "to the tiles", act: to("tiles") },
        { keys: ["N"], what: "to the notes", act: to("notes") },
        { keys: ["?"], what: "these keys", act: () => this.keys.help() },
      ],
    };
  }
}

new Page().start();
