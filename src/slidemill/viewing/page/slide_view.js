// OpenSeadragon with one slide in it: where the reader looks, in level-0 pixels, and nothing of layers.

import { element } from "./dom.js";
import { tileSourceOf } from "./tile_source.js";

/* global OpenSeadragon */

const CLOSEST = 8; // pixels of the screen for a level-0 pixel
const SMALLEST = 0.6; // of the view, that a slide can be made to fill
const STYLE_MARK = "data-openseadragon-mobile-css"; // OpenSeadragon writes a style into the page unless one is there
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

export class SlideView {
  /**
   * @param {object} told
   * @param {() => void} told.moved while it moves, at each frame
   * @param {() => void} told.rested when it has come to rest, or a tile was drawn
   * @param {(x: number, y: number) => void} told.clicked at a place in level-0 pixels
   * @param {(sentence: string|null) => void} told.trouble with a tile of the pyramid
   */
  constructor(told) {
    this.told = told;
    this.element = element("div", { class: "slide-view" });
  }

  /** Open a slide; resolves when its pyramid is there to be drawn. */
  open(slide, place) {
    this.slide = slide;
    this.#start();
    return new Promise((resolve, reject) => {
      this.viewer.addOnceHandler("open", () => {
        if (place) this.goTo(place, true);
        else this.home(true);
        resolve();
      });
      this.viewer.addOnceHandler("open-failed", ({ message }) => reject(new Error(message)));
      this.viewer.open(tileSourceOf(slide, this.told.trouble));
    });
  }

  close() {
    this.slide = null;
    this.viewer?.close();
  }

  destroy() {
    this.viewer?.destroy();
    this.viewer = null;
  }

  get opened() {
    return Boolean(this.slide && this.viewer?.world.getItemCount());
  }

  /** Whether nothing moves and all that is seen is drawn. */
  get rests() {
    return this.opened && !this.moving && this.viewer.world.getItemAt(0).getFullyLoaded();
  }

  /** Where level-0 pixel (0, 0) lies in the view, CSS pixels, and how many of them a level-0 pixel takes. */
  transform() {
    const { viewport } = this.viewer;
    const start = viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
    const end = viewport.pixelFromPoint(new OpenSeadragon.Point(1, 0), true);
    const { clientWidth: width, clientHeight: height } = this.viewer.container;
    const ratio = OpenSeadragon.pixelDensityRatio;
    return { scale: (end.x - start.x) / this.slide.width, left: start.x, top: start.y, width, height, ratio };
  }

  /** What is in the middle, level-0 pixels, and the zoom: CSS pixels for a level-0 pixel. */
  place() {
    const { scale, left, top, width, height } = this.transform();
    return { x: (width / 2 - left) / scale, y: (height / 2 - top) / scale, zoom: scale };
  }

  goTo({ x, y, zoom }, atOnce = false) {
    const { viewport } = this.viewer;
    const now = atOnce || calm.matches;
    if (zoom) viewport.zoomTo((zoom * this.slide.width) / viewport.getContainerSize().x, null, now);
    if (x !== undefined && y !== undefined) {
      viewport.panTo(new OpenSeadragon.Point(x / this.slide.width, y / this.slide.width), now);
    }
  }

  /** Show all of the slide: of one with bounds what was scanned. */
  home(atOnce = false) {
    const { width, height, bounds } = this.slide;
    const [x, y, wide, high] = bounds ?? [0, 0, width, height];
    const all = new OpenSeadragon.Rect(x / width, y / width, wide / width, high / width);
    this.viewer.viewport.fitBounds(all, atOnce || calm.matches);
  }

  zoomBy(factor) {
    this.viewer.viewport.zoomBy(factor, null, calm.matches);
    this.viewer.viewport.applyConstraints(calm.matches);
  }

  /** Move by parts of the view. */
  panBy(across, down) {
    const { width, height } = this.viewer.viewport.getBounds();
    this.viewer.viewport.panBy(new OpenSeadragon.Point(across * width, down * height), calm.matches);
    this.viewer.viewport.applyConstraints(calm.matches);
  }

  get canvas() {
    return this.viewer.drawer.canvas;
  }

  #start() {
    if (this.viewer) return;
    writeNoStyle();
    // It warns of tiles that come after the reader has moved on, which is no fault; what fails is told on the page.
    OpenSeadragon.console = { ...console, warn() {} };
    this.viewer = new OpenSeadragon.Viewer({
      element: this.element, drawer: "canvas", showNavigationControl: false, showNavigator: true,
      navigatorPosition: "TOP_RIGHT", navigatorWidth: "168px", navigatorHeight: "120px", navigatorBackground: "#fff", navigatorBorderColor: "#8a94a0",
      navigatorDisplayRegionColor: "#e6007e", animationTime: 0.45, springStiffness: 8, maxZoomPixelRatio: CLOSEST,
      minZoomImageRatio: SMALLEST, visibilityRatio: 0.3, gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      gestureSettingsTouch: { clickToZoom: false }, gestureSettingsPen: { clickToZoom: false }, imageLoaderLimit: 8,
      maxImageCacheCount: 300, autoHideControls: false, tileRetryMax: 1, tileRetryDelay: 1500, crossOriginPolicy: false,
    });
    // The keys of the page are in keys.js, all of them in one place.
    this.viewer.innerTracker.keyDownHandler = null;
    this.viewer.innerTracker.keyHandler = null;
    const { viewer, told } = this;
    viewer.addHandler("animation-start", () => {
      this.moving = true;
      told.rested();
    });
    viewer.addHandler("animation-finish", () => {
      this.moving = false;
      told.rested();
    });
    viewer.addHandler("update-viewport", () => this.opened && told.moved());
    viewer.world.addHandler("add-item", ({ item }) => item.addHandler("fully-loaded-change", () => told.rested()));
    viewer.addHandler("canvas-click", (event) => this.#click(event));
  }

  #click({ quick, position }) {
    if (!quick || !this.opened) return;
    const { scale, left, top } = this.transform();
    this.told.clicked((position.x - left) / scale, (position.y - top) / scale);
  }
}

/** The policy of the page forbids styles that are written into it: this only looks like one. */
function writeNoStyle() {
  if (document.querySelector(`style[${STYLE_MARK}]`)) return;
  const mark = document.createElementNS(null, "style");
  mark.setAttribute(STYLE_MARK, "");
  document.head.append(mark);
}
