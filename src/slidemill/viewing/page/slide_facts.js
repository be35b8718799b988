// What is known of the slide that is open.

import { element } from "./dom.js";
import { verdict } from "./filters.js";
import { className, judgement, scoreBar, standing } from "./slide_marks.js";

/** @param slide of the cohort @param info of /api/slides, or null @returns {HTMLElement[]} */
export function slideFacts(cohort, run, slide, info) {
  const { scores, predicted, uncertainty, split } = verdict(slide, run);
  const { classes } = cohort.run(run);
  const rows = [
    ["Patient", slide.patient],
    ["Site", slide.site],
    ["Split", [slide.split, slide.fold !== null && slide.fold !== undefined ? `fold ${slide.fold}` : ""].filter(Boolean).join(", ")],
    ["True class", slide.label && className(slide.label, classes.indexOf(slide.label))],
    ["Predicted", predicted && [className(predicted, classes.indexOf(predicted)), " ", judgement(slide, run)]],
    ["Split of the model", split && split !== slide.split && split],
    ["Uncertainty", uncertainty?.toFixed(2)],
    ["Tiles", slide.tiles?.toLocaleString("en")],
    ["Size", info && `${info.width.toLocaleString("en")} × ${info.height.toLocaleString("en")} px`],
    ["Resolution", info?.mpp && `${info.mpp.toFixed(4)} µm/px`],
    ["State", standing(slide)],
  ];
  return [
    element("h2", { class: "id" }, slide.slide),
    scores?.length
      ? element("div", { class: "slide-scores" }, scoreBar(scores, classes), scores.map((score, place) =>
          element("span", { class: "line" }, className(classes[place], place), element("span", { class: "number" }, score.toFixed(3))),
        ))
      : null,
    element("dl", { class: "facts" }, rows.filter(([, value]) => (Array.isArray(value) ? value.flat().some(Boolean) : value)).map(([name, value]) => [
      element("dt", {}, name), element("dd", {}, value),
    ])),
  ].filter(Boolean);
}
