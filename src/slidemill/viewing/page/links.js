// The state of the page as the fragment of its address, so that a view can be sent, reloaded and gone back to.

export const ROOMS = ["cohort", "tiles", "notes", "slide"]; // the last: others keep in mind which slide was open
export const FILTERS = ["text", "split", "label", "predicted", "right", "site", "flag", "state", "of", "from", "to"];

const TEXTS = ["slide", "kind", "run", "layer", "with", "view", "sort", "down", ...FILTERS];
const NUMBERS = ["x", "y", "zoom", "tile", "opacity"];

/**
 * @typedef {object} State
 * @property {string} room one of ROOMS
 * @property {string} [slide] which slide is open, or was
 * @property {number} [x] @property {number} [y] the place in the middle, level-0 pixels
 * @property {number} [zoom] CSS pixels of the screen for each level-0 pixel
 * @property {number} [tile] which tile is chosen
 * @property {string} [run] @property {string} [layer] @property {number} [opacity]
 * @property {string} [with] what is beside it: "slide:ID" or "run:KEY"
 * @property {string[]} [show] what is drawn over the slide
 */

/** @returns {State} */
export function parse(fragment) {
  const read = new URLSearchParams(fragment.replace(/^#/, ""));
  const state = { room: ROOMS.find((room) => read.has(room)) ?? "cohort" };
  for (const name of TEXTS) if (read.get(name)) state[name] = read.get(name);
  for (const name of NUMBERS) {
    const value = Number(read.get(name));
    if (read.get(name) && Number.isFinite(value)) state[name] = value;
  }
  if (read.has("show")) state.show = read.get("show").split(",").filter(Boolean);
  if (state.room === "slide" && !state.slide) state.room = "cohort"; // "#slide=" of nothing
  return state;
}

/** @param {State} state */
export function format(state) {
  const parts = state.room === "slide" ? [] : [state.room];
  for (const name of [...TEXTS, ...NUMBERS]) {
    if (state[name] !== undefined && state[name] !== "") parts.push(`${name}=${encoded(written(name, state[name]))}`);
  }
  if (state.show) parts.push(`show=${state.show.join(",")}`);
  return `#${parts.join("&")}`;
}

function written(name, value) {
  if (name === "x" || name === "y") return String(Math.round(value * 10) / 10);
  if (name === "zoom") return String(Number(value.toPrecision(8)));
  return String(value);
}

function encoded(text) {
  return encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%20", "+");
}
