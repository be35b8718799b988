// Tiles with a quality flag, also those that for it are left out of predictions.

import { TileIndex } from "./tile_index.js";

const COLOURS = ["#d55e00", "#0072b2", "#cc79a7", "#009e73"];

/**
 * @param quality values of /api/slides/{slide}/quality, or null
 * @param {Object<string, number>} bits of each flag
 * @returns {{name: string, colour: string, index: TileIndex, tiles: number[]}[]} one for each flag that a tile has
 */
export function flaggedTiles(quality, bits) {
  if (!quality?.tiles) return [];
  const index = new TileIndex(quality);
  return Object.entries(bits)
    .map(([flag, bit], place) => ({
      name: flag.replaceAll("_", " "),
      colour: COLOURS[place % COLOURS.length],
      index,
      tiles: [...quality.arrays.quality.keys()].filter((tile) => quality.arrays.quality[tile] & bit),
    }))
    .filter(({ tiles }) => tiles.length);
}
