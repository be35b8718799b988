// Which slides of the cohort are shown, and in which order. Knows values and no elements.

/** What a run says of a slide, or an empty object where it has said nothing yet. */
export const verdict = (slide, run) => slide.runs?.[run] ?? {};

/** Whether a run has a slide wrong; not where the slide has no label. */
export const mistaken = (slide, run) => verdict(slide, run).right === false;

/** The score of the class that a run predicts, or undefined. */
export function highest(slide, run) {
  const { scores } = verdict(slide, run);
  return scores?.length ? Math.max(...scores) : undefined;
}

const RIGHT = { right: (verdict) => verdict.right === true, wrong: (verdict) => verdict.right === false };

/**
 * The slides that a filter lets through.
 *
 * @param {object[]} slides of the cohort
 * @param {object} filter values by the names of `FILTERS` in links.js; what is absent lets all through. `from` and `to`
 *   bound the score of the class `of`.
 * @param {{run: string, classes: string[]}} chosen
 */
export function matching(slides, filter, { run, classes }) {
  const words = (filter.text ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const tests = [];
  if (words.length) tests.push((slide) => words.every((word) => searched(slide).includes(word)));
  for (const name of ["split", "label", "site", "state"]) {
    if (filter[name]) tests.push((slide) => (slide[name] ?? "") === filter[name]);
  }
  if (filter.flag) tests.push((slide) => slide.flags?.includes(filter.flag));
  if (filter.predicted) tests.push((slide) => verdict(slide, run).predicted === filter.predicted);
  if (RIGHT[filter.right]) tests.push((slide) => RIGHT[filter.right](verdict(slide, run)));
  const [from, to] = [bound(filter.from), bound(filter.to)];
  if (from !== undefined || to !== undefined) {
    const place = classes.indexOf(filter.of);
    tests.push((slide) => {
      const score = place >= 0 ? verdict(slide, run).scores?.[place] : highest(slide, run);
      return score !== undefined && score >= (from ?? -Infinity) && score <= (to ?? Infinity);
    });
  }
  return tests.length ? slides.filter((slide) => tests.every((test) => test(slide))) : slides;
}

/** What the cohort can be sorted by: a value of a slide, a text or a number; undefined comes last either way. */
export const SORTS = {
  uncertainty: { name: "uncertainty", value: (slide, run) => verdict(slide, run).uncertainty, down: true },
  slide: { name: "slide", value: (slide) => slide.slide },
  patient: { name: "patient", value: (slide) => slide.patient },
  site: { name: "site", value: (slide) => slide.site },
  label: { name: "true class", value: (slide) => slide.label },
  split: { name: "split", value: (slide) => slide.split },
  predicted: { name: "predicted class", value: (slide, run) => verdict(slide, run).predicted },
  score: { name: "score", value: highest, down: true },
  right: { name: "wrong first", value: (slide, run) => ({ false: 0, true: 1 })[verdict(slide, run).right] },
  tiles: { name: "tiles", value: (slide) => slide.tiles ?? undefined, down: true },
  state: { name: "state", value: (slide) => slide.state },
  sheet: { name: "order of the sheet", value: () => undefined },
};

/** Slides in another order; those with the same value stay in the order of the sheet. */
export function sorted(slides, key, down, run) {
  const { value } = SORTS[key] ?? SORTS.sheet;
  const sign = down ? -1 : 1;
  return slides
    .map((slide) => [slide, blankAsAbsent(value(slide, run))])
    .sort(([, a], [, b]) => {
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      if (typeof a === "number") return sign * (a - b);
      return sign * ORDER.compare(a, b);
    })
    .map(([slide]) => slide);
}

/** The values that slides have, for a choice among them, in order. */
export function valuesOf(slides, name) {
  const values = new Set(slides.flatMap((slide) => slide[name] ?? []).filter(Boolean));
  return [...values].sort(ORDER.compare);
}

const ORDER = new Intl.Collator("en", { numeric: true });

function blankAsAbsent(value) {
  return value === "" || value === null ? undefined : value;
}

function bound(text) {
  const value = Number(text);
  return text === undefined || text === "" || Number.isNaN(value) ? undefined : value;
}

function searched(slide) {
  return `${slide.slide} ${slide.patient} ${slide.site ?? ""} ${slide.label ?? ""} ${slide.reason ?? ""}`.toLowerCase();
}
