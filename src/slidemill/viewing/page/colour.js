// Colours that mean the same on every slide, and that colour-blind readers tell apart.

// Viridis, each fifth of its 256 colours; those between are interpolated, which is off by one level of grey at most.
const VIRIDIS =
  "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a" +
  "3a538b38598c355e8d33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d" +
  "20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac864" +
  "65cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725";
// Okabe and Ito 2008, Color Universal Design, in the order of slidemill.reporting.palette.
const CLASSES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#8a8a8a"];
export const STEPS = 256;

/** Colour of the class at this place in the order of classes. */
export const classColour = (place) => CLASSES[place % CLASSES.length];

/** Red, green and blue of "#rrggbb". */
export const rgb = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));

/** 256 colours from one end of viridis to the other, as [red, green, blue]. */
export const viridis = blended(VIRIDIS.match(/.{6}/g).map((hex) => rgb(`#${hex}`)));

/**
 * How a layer's values become colours: one scale for all slides.
 *
 * @param {{scale: string, lowest: number, highest: number}} layer "linear", or "logarithmic": then 1 lies where its
 *   logarithm does, in the middle for ends of 1/8 and 8
 * @returns {{place: (value: number) => number, colours: number[][], ticks: [number, string][]}} `place` is from 0 to 1;
 *   `ticks` are places with what is written there.
 */
export function scaleOf({ scale, lowest, highest }) {
  if (scale === "logarithmic") {
    const [low, span] = [Math.log(lowest), Math.log(highest / lowest)];
    const place = (value) => within((Math.log(Math.max(value, lowest)) - low) / span);
    return { colours: viridis, place, ticks: [[0, `≤ ${fraction(lowest)}`], [place(1), "1"], [1, `≥ ${short(highest)}`]] };
  }
  const span = highest - lowest || 1;
  const ticks = [0, 0.5, 1].map((share) => [share, short(lowest + share * span)]);
  return { colours: viridis, place: (value) => within((value - lowest) / span), ticks };
}

/** A number with as many digits as tell something. */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function fraction(value) {
  return value > 0 && value < 1 && Number.isInteger(1 / value) ? `1/${1 / value}` : short(value);
}

function within(share) {
  return Math.min(1, Math.max(0, share));
}

/** 256 colours along those given. */
function blended(anchors) {
  return Array.from({ length: STEPS }, (_, step) => {
    const along = (step / (STEPS - 1)) * (anchors.length - 1);
    const before = Math.min(Math.floor(along), anchors.length - 2);
    return anchors[before].map((start, channel) =>
      Math.round(start + (anchors[before + 1][channel] - start) * (along - before)),
    );
  });
}
