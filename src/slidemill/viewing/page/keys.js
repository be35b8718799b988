// Keys of the page: one list, from which help is made as well.

import { button, element, fill } from "./dom.js";

const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select";

/**
 * @typedef {{keys: string[], what: string, act: (event: KeyboardEvent) => void, shown?: string}} Key
 */

export class Keys {
  /** @param {() => {title: string, keys: Key[]}[]} groups what is in force now, rooms first. */
  constructor(groups) {
    this.groups = groups;
    this.dialog = element("dialog", { class: "help", "aria-label": "Keys" });
    document.body.append(this.dialog);
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  help() {
    fill(
      this.dialog,
      this.groups().filter(({ keys }) => keys.length).map(({ title, keys }) => [element("h2", {}, title), listed(keys)]),
      button("Close", () => this.dialog.close(), { autofocus: true }),
    );
    this.dialog.showModal();
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    if (event.target instanceof Element && event.target.matches(TYPING)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const onControl = event.target instanceof Element && event.target.closest("a, button, summary, input");
    if (onControl && (event.key === "Enter" || event.key === " ")) return;
    if (event.target instanceof HTMLInputElement && event.key.startsWith("Arrow")) return;
    for (const { keys } of this.groups()) {
      const found = keys.find((key) => key.keys.includes(event.key));
      if (found) {
        event.preventDefault();
        found.act(event);
        return;
      }
    }
  }
}

function listed(keys) {
  return element(
    "dl",
    {},
    keys.flatMap(({ keys: names, what, shown }) => [
      element("dt", {}, (shown ? [shown] : names.map(named)).map((name) => element("kbd", {}, name))),
      element("dd", {}, what),
    ]),
  );
}

const NAMES = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", " ": "Space" };

function named(key) {
  return NAMES[key] ?? key;
}
