// A long list of which only what can be seen is on the page: 5,000 slides are some forty elements.

import { element } from "./dom.js";

const MARGIN_ROWS = 6;

export class VirtualList {
  /**
   * @param {object} how
   * @param {(item: object, place: number) => HTMLElement} how.draw makes the element of an item.
   * @param {number} how.height of a row, pixels.
   * @param {number} [how.width] of an item, pixels: as many stand side by side as fit. Without it one stands in a row.
   * @param {object} how.properties of the element that scrolls.
   */
  constructor({ draw, height, width, properties }) {
    this.draw = draw;
    this.height = height;
    this.width = width;
    this.items = [];
    this.columns = 1;
    this.drawn = new Map(); // place -> element
    this.sheet = element("div", { class: "sheet", role: "presentation" });
    this.element = element("div", { ...properties, onscroll: () => this.#show() }, this.sheet);
    this.watcher = new ResizeObserver(() => this.#layOut());
    this.watcher.observe(this.element);
  }

  /** Show other items, or the same ones anew. */
  setItems(items) {
    this.items = items;
    this.#clear();
    this.#layOut();
  }

  /** Scroll as little as shows the item at this place. */
  reveal(place) {
    const top = Math.floor(place / this.columns) * this.height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.element.scrollTop = top + this.height - clientHeight;
    this.#show();
  }

  #layOut() {
    const columns = this.width ? Math.max(1, Math.floor(this.element.clientWidth / this.width)) : 1;
    if (columns !== this.columns) {
      this.columns = columns;
      this.#clear();
    }
    this.sheet.style.height = `${Math.ceil(this.items.length / this.columns) * this.height}px`;
    this.#show();
  }

  #clear() {
    this.sheet.replaceChildren();
    this.drawn.clear();
  }

  #show() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - MARGIN_ROWS) * this.columns;
    const rows = Math.ceil(clientHeight / this.height) + 2 * MARGIN_ROWS;
    const end = Math.min(this.items.length, first + rows * this.columns);
    for (const [place, drawn] of this.drawn) {
      if (place < first || place >= end) {
        drawn.remove();
        this.drawn.delete(place);
      }
    }
    for (let place = first; place < end; place += 1) {
      if (!this.drawn.has(place)) {
        const made = this.draw(this.items[place], place);
        made.style.top = `${Math.floor(place / this.columns) * this.height}px`;
        if (this.width) made.style.left = `${(place % this.columns) * this.width}px`;
        this.drawn.set(place, made);
        this.sheet.append(made);
      }
    }
  }
}
