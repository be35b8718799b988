// Small pictures and signs of a slide, the same in each room.

import { picture } from "./server.js";
import { classColour } from "./colour.js";
import { element } from "./dom.js";
import { highest, verdict } from "./filters.js";

const REST_MS = 120; // a row that is scrolled past asks for no picture
const seen = new Set(); // slides whose pictures the browser has: they are shown at once

/** The slide as a small picture, which is asked for once it stays on the page. */
export function thumbnail(slide) {
  const image = element("img", { class: "thumbnail", alt: "", draggable: "false" });
  const frame = element("span", { class: "thumbnail-frame" }, image);
  if (slide.state === "waiting") return frame;
  if (slide.state === "set aside" && !slide.width) {
    frame.classList.add("absent"); // its file could not be read
    return frame;
  }
  image.addEventListener("load", () => seen.add(slide.slide));
  image.addEventListener("error", () => frame.classList.add("absent"));
  const show = () => image.setAttribute("src", picture.thumbnail(slide.slide));
  if (seen.has(slide.slide)) show();
  else setTimeout(() => image.isConnected && show(), REST_MS);
  return frame;
}

/** A class with its colour. */
export function className(name, place) {
  if (!name) return element("span", { class: "faint" }, "–");
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  if (place >= 0) dot.style.background = classColour(place);
  return element("span", { class: "class" }, dot, name);
}

/** Right, wrong, or nothing where it is not known; a sign and a word, not a colour alone. */
export function judgement(slide, run) {
  const { right } = verdict(slide, run);
  if (right === true) return element("span", { class: "right" }, "✓ right");
  if (right === false) return element("span", { class: "wrong" }, "✗ wrong");
  return null;
}

/** The scores of all classes as one bar. */
export function scoreBar(scores, classes) {
  if (!scores?.length) return null;
  const said = scores.map((score, place) => `${classes[place]} ${score.toFixed(3)}`).join(", ");
  return element(
    "span",
    { class: "score-bar", role: "img", "aria-label": said, title: said },
    scores.map((score, place) => {
      const part = element("span");
      part.style.width = `${score * 100}%`;
      part.style.background = classColour(place);
      return part;
    }),
  );
}

/** What a run predicts of a slide, with its score. */
export function prediction(slide, cohort, run) {
  const { predicted, scores } = verdict(slide, run);
  if (!predicted) return null;
  const { classes } = cohort.run(run);
  return [
    className(predicted, classes.indexOf(predicted)),
    element("span", { class: "number" }, highest(slide, run)?.toFixed(3) ?? ""),
    scoreBar(scores, classes),
  ];
}

/** Where a slide stands: its state, why it was set aside, its flags. */
export function standing(slide) {
  if (slide.state === "set aside") return element("span", { class: "aside", title: slide.reason }, `set aside: ${slide.reason}`);
  const state = slide.state === "predicted" ? null : element("span", { class: "faint" }, slide.state);
  return [state, (slide.flags ?? []).map((flag) => element("span", { class: "flag" }, flag.replaceAll("_", " ")))];
}
