// Which tile of a slide lies where: on a grid, or wherever a list of patches has put them.

export class TileIndex {
  /** @param values of values.js */
  constructor({ tiles, extent, arrays }) {
    this.count = tiles;
    this.extent = extent;
    this.x = arrays.x;
    this.y = arrays.y;
    this.cells = new Map(); // column and row of squares as large as a tile -> tiles whose corner lies there
    let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
    for (let tile = 0; tile < tiles; tile += 1) {
      const key = this.#key(Math.floor(this.x[tile] / extent), Math.floor(this.y[tile] / extent));
      const cell = this.cells.get(key);
      if (cell) cell.push(tile);
      else this.cells.set(key, [tile]);
      left = Math.min(left, this.x[tile]);
      top = Math.min(top, this.y[tile]);
      right = Math.max(right, this.x[tile] + extent);
      bottom = Math.max(bottom, this.y[tile] + extent);
    }
    this.box = { left, top, right, bottom };
    this.regular = tiles > 0 && this.#onGrid();
  }

  /** The tile at a place in level-0 pixels, or -1. */
  at(x, y) {
    const found = this.within({ left: x, top: y, right: x, bottom: y });
    return found.find((tile) => this.#covers(tile, x, y)) ?? -1;
  }

  /** The tiles of which something may lie in a box of level-0 pixels. */
  within({ left, top, right, bottom }) {
    const { extent, box } = this;
    if (!this.count) return [];
    const firstColumn = Math.floor(Math.max(left, box.left) / extent) - 1;
    const lastColumn = Math.floor(Math.min(right, box.right) / extent);
    const firstRow = Math.floor(Math.max(top, box.top) / extent) - 1;
    const lastRow = Math.floor(Math.min(bottom, box.bottom) / extent);
    const found = [];
    for (let row = firstRow; row <= lastRow; row += 1) {
      for (let column = firstColumn; column <= lastColumn; column += 1) {
        const cell = this.cells.get(this.#key(column, row));
        if (cell) found.push(...cell);
      }
    }
    return found;
  }

  /** How many tiles there would be in a box if it were full of them. */
  atMost({ left, top, right, bottom }) {
    const { box, extent } = this;
    const wide = Math.min(right, box.right) - Math.max(left, box.left);
    const high = Math.min(bottom, box.bottom) - Math.max(top, box.top);
    return wide <= 0 || high <= 0 ? 0 : Math.min(this.count, (wide / extent + 2) * (high / extent + 2));
  }

  #covers(tile, x, y) {
    const [left, top] = [this.x[tile], this.y[tile]];
    return x >= left && y >= top && x < left + this.extent && y < top + this.extent;
  }

  #onGrid() {
    const { extent } = this;
    for (let tile = 0; tile < this.count; tile += 1) {
      if ((this.x[tile] - this.x[0]) % extent !== 0 || (this.y[tile] - this.y[0]) % extent !== 0) return false;
    }
    return true;
  }

  #key(column, row) {
    return row * 4194304 + column; // more columns than any slide has
  }
}
