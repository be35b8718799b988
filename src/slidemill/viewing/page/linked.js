// Two panes that move together: the same place of the same slide, or the same length of tissue on two slides.

export class Link {
  /** @param {import("./pane.js").Pane} first @param {import("./pane.js").Pane} second */
  constructor(first, second) {
    this.panes = [first, second];
    this.leader = first;
    this.on = true;
    this.anchors = null;
    for (const pane of this.panes) {
      const lead = () => (this.leader = pane);
      for (const kind of ["pointerdown", "wheel", "focusin", "pointerenter"]) pane.element.addEventListener(kind, lead, { capture: true, passive: true });
    }
  }

  /** From now on the panes keep what lies in their middles beside each other. */
  join() {
    this.anchors = this.panes.every((pane) => pane.view.opened) ? this.panes.map((pane) => pane.view.place()) : null;
    const [first, second] = this.panes;
    if (first.info?.slide === second.info?.slide) this.anchors &&= [this.anchors[0], this.anchors[0]];
    if (this.anchors) this.follow(this.leader);
  }

  /** A pane has moved: the other goes along. */
  follow(pane) {
    if (!this.on || !this.anchors || pane !== this.leader || !this.panes.every((each) => each.view.opened)) return;
    const from = this.panes.indexOf(pane);
    const other = this.panes[1 - from];
    const [start, end] = [this.anchors[from], this.anchors[1 - from]];
    const place = pane.view.place();
    // The same microns for each pixel of the screen; where a slide has no resolution, the zooms that there were.
    const ratio = pane.info.mpp && other.info.mpp ? other.info.mpp / pane.info.mpp : end.zoom / start.zoom;
    other.view.goTo(
      { x: end.x + (place.x - start.x) / ratio, y: end.y + (place.y - start.y) / ratio, zoom: place.zoom * ratio },
      true,
    );
  }
}
