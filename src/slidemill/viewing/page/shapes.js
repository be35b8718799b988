// Outlines over a slide: GeoJSON in level-0 pixels as paths that are made once and drawn at any zoom.

import { classColour } from "./colour.js";

/**
 * @param geojson a FeatureCollection of polygons and lines
 * @param {(name: string) => string} colourOf the colour of a feature's class
 * @returns {{path: Path2D, colour: string}[]} one for each colour
 */
export function outlinesOf(geojson, colourOf) {
  const paths = new Map();
  for (const { geometry, properties } of geojson?.features ?? []) {
    const colour = colourOf(classOf(properties));
    if (!paths.has(colour)) paths.set(colour, new Path2D());
    for (const ring of ringsOf(geometry)) addRing(paths.get(colour), ring);
  }
  return [...paths].map(([colour, path]) => ({ path, colour }));
}

/** The names of the classes that features have, in order. */
export function classesOf(geojson) {
  return [...new Set((geojson?.features ?? []).map(({ properties }) => classOf(properties)))].sort();
}

/** Colours of outlines: a class's own where the model knows it, else those that come after. */
export function outlineColours(names, classes) {
  const others = names.filter((name) => !classes.includes(name));
  return (name) => classColour(classes.includes(name) ? classes.indexOf(name) : classes.length + others.indexOf(name));
}

/** Draw outlines with a light edge, so that they are seen on any tissue. */
export function strokeOutlines(context, outlines, { scale, left, top }, width) {
  context.save();
  context.setTransform(scale, 0, 0, scale, left, top);
  context.lineJoin = "round";
  for (const { path, colour } of outlines) {
    context.strokeStyle = "rgba(255,255,255,0.75)";
    context.lineWidth = (width * 2) / scale;
    context.stroke(path);
    context.strokeStyle = colour;
    context.lineWidth = width / scale;
    context.stroke(path);
  }
  context.restore();
}

function classOf(properties) {
  return properties?.class ?? properties?.classification?.name ?? properties?.name ?? "";
}

function ringsOf(geometry) {
  if (!geometry) return [];
  const { type, coordinates, geometries } = geometry;
  if (type === "Polygon" || type === "MultiLineString") return coordinates;
  if (type === "MultiPolygon") return coordinates.flat();
  if (type === "LineString") return [coordinates];
  return type === "GeometryCollection" ? geometries.flatMap(ringsOf) : [];
}

function addRing(path, ring) {
  ring.forEach(([x, y], place) => (place ? path.lineTo(x, y) : path.moveTo(x, y)));
}
