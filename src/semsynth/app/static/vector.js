// Shapes drawn as paths: M, L, C and Z with absolute places, as in SVG.

import { apply } from "./affine.js";
import { polygon } from "./raster.js";

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./affine.js").Affine} Affine
 * @typedef {import("./raster.js").Span} Span
 */

/** Straight pieces that a curve is made of. */
const PIECES = 12;
/** How many numbers follow a command. @type {Record<string, number>} */
const NUMBERS = { M: 2, L: 2, C: 6, Z: 0 };

/**
 * The outlines of a path.
 * @param {string} path
 * @returns {Point[][]}
 */
export function outlinesOf(path) {
  /** @type {Point[][]} */
  const outlines = [];
  for (const [, command, rest] of path.matchAll(/([A-Z])([^A-Z]*)/g)) {
    const numbers = (rest.match(/-?[\d.]+/g) ?? []).map(Number), count = NUMBERS[command];
    if (count === undefined || (count ? numbers.length % count : numbers.length)) {
      throw new Error(`The path has ${command} with ${numbers.length} numbers.`);
    }
    if (command === "M") outlines.push([]);
    const outline = /** @type {Point[]} */ (outlines.at(-1));
    for (let i = 0; i < numbers.length; i += count) {
      const points = pairs(numbers.slice(i, i + count));
      if (command === "C") outline.push(...curve(/** @type {Point} */ (outline.at(-1)), points));
      else outline.push(points[0]);
    }
  }
  return outlines;
}

/** @param {number[]} numbers @returns {Point[]} */
function pairs(numbers) {
  return numbers.flatMap((x, i) => (i % 2 ? [] : [{ x, y: numbers[i + 1] }]));
}

/**
 * A cubic curve of Bezier from a point on.
 * @param {Point} p
 * @param {Point[]} others
 */
function curve(p, [q, r, s]) {
  return Array.from({ length: PIECES }, (_, i) => {
    const t = (i + 1) / PIECES, u = 1 - t;
    const mix = (/** @type {"x" | "y"} */ k) =>
      u * u * u * p[k] + 3 * u * u * t * q[k] + 3 * u * t * t * r[k] + t * t * t * s[k];
    return { x: mix("x"), y: mix("y") };
  });
}

/**
 * The inside of outlines that are mapped.
 * @param {Point[][]} outlines
 * @param {Affine} map
 * @param {Span} span
 */
export function fill(outlines, map, span) {
  for (const outline of outlines) polygon(outline.map((p) => apply(map, p)), span);
}
