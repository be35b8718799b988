// Which layer lies over the slide, how strongly, and what its colours mean.

import { classColour, scaleOf } from "./colour.js";
import { element, fill } from "./dom.js";

export const OPACITY = 0.45;
export const SHOWN = ["outlines", "notes"]; // over a slide that is opened
const OVER = [
  ["outlines", "Annotations", "o"], ["tissue", "Tissue", "t"], ["grid", "Tiles", "g"], ["flags", "Flagged tiles", "f"],
  ["notes", "Notes", "n"],
];

/** The layer that a state asks for among those of a run: none, or where it asks for nothing that of the predicted class. */
export function chosenLayer(layers, key, predicted) {
  if (key === "none") return "";
  const of = (wanted) => layers.find((layer) => layer.key === wanted);
  return (of(key) ?? of(`score:${predicted}`) ?? layers[0])?.key ?? "";
}

export class LayerPanel {
  constructor(app) {
    this.app = app;
    this.choices = element("div", { class: "layer-choices", role: "radiogroup", "aria-label": "Layer" });
    this.opacity = element("input", {
      type: "range", min: 0, max: 1, step: 0.05, id: "opacity", "aria-label": "Opacity of the layer",
      oninput: () => app.adjust({ opacity: Number(this.opacity.value) }),
    });
    this.legend = element("figure", { class: "legend" });
    this.over = element("div", { class: "over-choices" });
    this.element = element(
      "section",
      { class: "panel", "aria-label": "Layers" },
      element("h2", {}, "Layers"),
      this.choices,
      element("label", { class: "fade" }, "Fade ", this.opacity),
      this.legend, this.over,
    );
  }

  /** @param pane whose layers there are to choose from @param others that are shown beside it */
  update(pane, others) {
    const { state } = this.app;
    this.layers = pane.layers();
    const chosen = pane.layerKey ?? "";
    fill(this.choices, [{ key: "", name: "No layer" }, ...this.layers].map((layer, place) => this.#choice(layer, place, chosen)));
    this.opacity.value = state.opacity ?? OPACITY;
    this.opacity.disabled = !chosen;
    const layers = new Map([pane, ...others].map((each) => [each.layerKey, each.layer()]));
    layers.delete(null);
    fill(this.legend, layers.size ? [...layers.values()].map(legendOf) : this.#nothing(pane));
    fill(this.over, OVER.map((each) => this.#switch(each, pane)), swatches(pane.outlineClasses), pane.overlay.flagged.length > 0 && swatches(pane.overlay.flagged));
  }

  keys() {
    const at = (place) => [{ key: "none" }, ...(this.layers ?? [])][place];
    const fade = (by) => () => {
      const opacity = Math.min(1, Math.max(0, (this.app.state.opacity ?? OPACITY) + by));
      this.app.adjust({ opacity: Number(opacity.toFixed(2)) });
    };
    return [
      {
        keys: [..."0123456789"], shown: "0 … 9", what: "no layer, or the first, second …",
        act: ({ key }) => at(Number(key)) && this.app.adjust({ layer: at(Number(key)).key }),
      },
      { keys: ["["], what: "fade the layer", act: fade(-0.1) },
      { keys: ["]"], what: "strengthen the layer", act: fade(0.1) },
      ...OVER.map(([name, text, key]) => ({ keys: [key], what: `${text.toLowerCase()} shown or hidden`, act: () => this.#turn(name) })),
    ];
  }

  shown() {
    return new Set(this.app.state.show ?? SHOWN);
  }

  #turn(name) {
    const shown = this.shown();
    if (!shown.delete(name)) shown.add(name);
    this.app.adjust({ show: OVER.map(([each]) => each).filter((each) => shown.has(each)) });
  }

  #choice({ key, name }, place, chosen) {
    const input = element("input", {
      type: "radio", name: "layer", value: key || "none", onchange: () => this.app.adjust({ layer: key || "none" }),
    });
    input.checked = key === chosen;
    return element("label", { class: "option" }, input, element("span", {}, name), place < 10 && element("kbd", {}, place));
  }

  #switch([name, text, key], pane) {
    const input = element("input", { type: "checkbox", name, onchange: () => this.#turn(name) });
    input.checked = this.shown().has(name);
    const without = { outlines: !pane.overlay.outlines.length, tissue: !pane.overlay.tissue.length, flags: !pane.overlay.flagged.length };
    return element("label", { class: without[name] ? "option absent" : "option" }, input, element("span", {}, text), element("kbd", {}, key));
  }

  #nothing(pane) {
    if (this.layers.length || !pane.info) return null;
    return element("p", { class: "faint" }, pane.busy ? "Reading …" : "This model has said nothing of this slide's tiles.");
  }
}

/** A bar of colours with what its ends mean; it is the same for all slides. */
function legendOf(layer) {
  const { colours, ticks } = scaleOf(layer);
  const bar = element("canvas", { width: colours.length, height: 1, role: "img", "aria-label": `Colours of ${layer.name}` });
  const context = bar.getContext("2d");
  colours.forEach(([red, green, blue], step) => {
    context.fillStyle = `rgb(${red},${green},${blue})`;
    context.fillRect(step, 0, 1, 1);
  });
  return [
    bar,
    element("div", { class: "ticks" }, ticks.map(([, text]) => element("span", {}, text))),
    element("figcaption", {}, layer.meaning || layer.name, " One scale for all slides."),
  ];
}

function swatches(classes) {
  return (classes ?? []).map(({ name, colour, tiles }) => {
    const dot = element("span", { class: "dot ring", "aria-hidden": "true" });
    dot.style.borderColor = colour ?? classColour(0);
    return element("span", { class: "class swatch" }, dot, name || "annotation", tiles && `: ${tiles.length}`);
  });
}
