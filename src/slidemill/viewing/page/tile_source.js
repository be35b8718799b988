// The slide's pyramid for OpenSeadragon: levels as they are in the file, not halved again and again.

import { ask, picture } from "./server.js";

/* global OpenSeadragon */

const THUMBNAIL_PX = 256; // its longest side

/**
 * @param slide what /api/slides/{slide} tells; without a pyramid its thumbnail stands for it.
 * @param {(sentence: string|null) => void} told why a tile cannot be had; null when one could.
 */
export function tileSourceOf(slide, told) {
  return slide.pyramid ? pyramidOf(slide, told) : thumbnailOf(slide, told);
}

function pyramidOf(slide, told) {
  const levels = [...slide.pyramid.levels].reverse(); // OpenSeadragon counts from the coarsest
  const side = slide.pyramid.tile_size;
  const { width, height } = slide;
  const shown = { width, height, tileSize: side, tileOverlap: 0, minLevel: 0, maxLevel: levels.length - 1 };
  const source = new OpenSeadragon.TileSource(shown);
  const factors = levels.map((level) => factorsOf(level, width, height));
  const factor = (level) => factors[level];

  source.getLevelScale = (level) => 1 / factor(level).x;
  source.getNumTiles = (level) => new OpenSeadragon.Point(levels[level].columns, levels[level].rows);
  source.getTileWidth = () => side;
  source.getTileHeight = () => side;

  source.getTileAtPoint = (level, point) => {
    const { x, y } = factor(level);
    const column = Math.floor((point.x * width) / (side * x));
    const row = Math.floor((point.y * width) / (side * y)); // OpenSeadragon measures both sides in widths
    const last = levels[level];
    return new OpenSeadragon.Point(within(column, last.columns), within(row, last.rows));
  };

  source.getTileBounds = (level, column, row, inPixels) => {
    const [left, top] = [column * side, row * side];
    const { x, y } = factor(level);
    const wide = Math.min(side, width / x - left); // tiles at the edges are whole, and reach beyond the slide
    const high = Math.min(side, height / y - top);
    if (inPixels) return new OpenSeadragon.Rect(0, 0, wide, high);
    return new OpenSeadragon.Rect((left * x) / width, (top * y) / width, (wide * x) / width, (high * y) / width);
  };

  source.getTileUrl = (level, column, row) => picture.pixels(slide.slide, levels.length - 1 - level, column, row);
  return loading(source, told);
}

/** One tile: what was scanned, small. */
function thumbnailOf(slide, told) {
  const { width, height, bounds } = slide;
  const [x, y, wide, high] = bounds ?? [0, 0, width, height];
  const side = THUMBNAIL_PX / Math.max(wide, high);
  const source = new OpenSeadragon.TileSource({ width, height, tileSize: THUMBNAIL_PX, tileOverlap: 0, minLevel: 0, maxLevel: 0 });
  source.getLevelScale = () => side;
  source.getNumTiles = () => new OpenSeadragon.Point(1, 1);
  source.getTileAtPoint = () => new OpenSeadragon.Point(0, 0);
  source.getTileBounds = (level, column, row, inPixels) =>
    inPixels
      ? new OpenSeadragon.Rect(0, 0, Math.round(wide * side), Math.round(high * side))
      : new OpenSeadragon.Rect(x / width, y / width, wide / width, high / width);
  source.getTileUrl = () => picture.thumbnail(slide.slide);
  return loading(source, told);
}

/**
 * Level-0 pixels along each side of a pixel of a level. Those that are made above the file's levels are cut off at the
 * edge of the slide; those of the file are the slide, which is 4.0006 and not 4 times larger, and not alike on both sides.
 */
function factorsOf(level, width, height) {
  const { downsample } = level;
  const isCutOff = Math.ceil(width / downsample) === level.width && Math.ceil(height / downsample) === level.height;
  return isCutOff ? { x: downsample, y: downsample } : { x: width / level.width, y: height / level.height };
}

function loading(source, told) {
  source.hasTransparency = () => false;
  source.downloadTileStart = (job) => {
    const abort = new AbortController();
    job.userData.abort = abort;
    load(job.src, abort.signal).then(
      (context) => {
        if (abort.signal.aborted) return; // OpenSeadragon has forgotten the job
        told(null);
        job.finish(context, null, "context2d");
      },
      (error) => {
        if (abort.signal.aborted) return;
        told(error.message);
        job.fail(error.message, null);
      },
    );
  };
  source.downloadTileAbort = (job) => job.userData.abort?.abort();
  return source;
}

async function load(address, signal) {
  const answer = await ask(address, { signal });
  const image = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  image.close();
  return context;
}

function within(place, count) {
  return Math.min(count - 1, Math.max(0, place));
}
