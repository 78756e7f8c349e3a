// Sets of pixels: one byte a pixel, row by row, 1 where it belongs to the set.

/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./affine.js").Affine} Affine
 */

import { apply, boundsOf, inverse } from "./affine.js";

/** Where a middle falls between two pixels after a quarter turn, all fall to the same side. */
const HAIR = 1e-6;

/**
 * What puts rows of pixels into a set, as far as they lie on the drawing.
 * @param {Uint8Array} mask
 * @param {Size} size
 * @param {Uint8Array | null} [within] and in this set
 * @returns {import("./raster.js").Span}
 */
export function adder(mask, { width, height }, within = null) {
  return (x0, x1, y) => {
    if (y < 0 || y >= height || x0 >= width || x1 <= 0) return;
    const from = y * width + Math.max(0, x0), to = y * width + Math.min(width, x1);
    if (!within) mask.fill(1, from, to);
    else for (let i = from; i < to; i++) mask[i] |= within[i];
  };
}

/**
 * The smallest rectangle around a set; null around none.
 * @param {Uint8Array} mask
 * @param {number} width
 * @returns {Rect | null}
 */
export function rectOf(mask, width) {
  const rect = { x0: width, y0: mask.length / width, x1: 0, y1: 0 };
  for (let y = 0, i = 0; i < mask.length; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!mask[i]) continue;
      rect.x0 = Math.min(rect.x0, x);
      rect.x1 = Math.max(rect.x1, x + 1);
      rect.y0 = Math.min(rect.y0, y);
      rect.y1 = y + 1;
    }
  }
  return rect.x1 ? rect : null;
}

/**
 * Call for every pixel of a mapped set with the pixel of the set that it comes from.
 * @param {Uint8Array} mask
 * @param {Size} size
 * @param {Rect} rect around the set
 * @param {Affine} map
 * @param {(x: number, y: number, from: number) => void} each
 */
export function eachMapped(mask, { width, height }, rect, map, each) {
  const back = inverse(map);
  if (!back) return;
  const to = boundsOf(map, rect);
  for (let y = Math.max(0, to.y0); y < Math.min(height, to.y1); y++) {
    for (let x = Math.max(0, to.x0); x < Math.min(width, to.x1); x++) {
      const p = apply(back, { x: x + 0.5 + HAIR, y: y + 0.5 + HAIR });
      const u = Math.floor(p.x), v = Math.floor(p.y), from = v * width + u;
      if (u >= 0 && v >= 0 && u < width && v < height && mask[from]) each(x, y, from);
    }
  }
}

/**
 * Where the edges of a set run, as lines between corners of pixels: x0, y0, x1, y1 of each in turn.
 * @param {Uint8Array} mask
 * @param {Size} size
 * @returns {number[]}
 */
export function edgesOf(mask, { width, height }) {
  /** @type {number[]} */
  const lines = [];
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    x >= 0 && y >= 0 && x < width && y < height ? mask[y * width + x] : 0;
  const run = (/** @type {number} */ length, /** @type {(i: number) => boolean} */ edge, /** @type {(a: number, b: number) => void} */ line) => {
    for (let i = 0, start = -1; i <= length; i++) {
      const here = i < length && edge(i);
      if (here && start < 0) start = i;
      if (here || start < 0) continue;
      line(start, i);
      start = -1;
    }
  };
  for (let y = 0; y <= height; y++) run(width, (x) => at(x, y) !== at(x, y - 1), (a, b) => lines.push(a, y, b, y));
  for (let x = 0; x <= width; x++) run(height, (y) => at(x, y) !== at(x - 1, y), (a, b) => lines.push(x, a, x, b));
  return lines;
}

/**
 * What ids would be if a set was taken out of them: every pixel of it takes the id of the nearest one outside.
 * @param {Uint8Array} ids
 * @param {Uint8Array} mask
 * @param {Size} size
 * @param {Rect} rect around the set
 * @param {number} otherwise the id where nothing is outside
 * @returns {Uint8Array}
 */
export function closed(ids, mask, { width, height }, rect, otherwise) {
  const result = ids.slice(), open = mask.slice();
  const around = (/** @type {number} */ i) => {
    const x = i % width;
    return [x ? i - 1 : -1, x < width - 1 ? i + 1 : -1, i - width, i + width].filter((k) => open[k]);
  };
  /** @type {number[]} */
  let front = [];
  for (let y = Math.max(0, rect.y0 - 1); y < Math.min(height, rect.y1 + 1); y++) {
    for (let x = Math.max(0, rect.x0 - 1); x < Math.min(width, rect.x1 + 1); x++) {
      const i = y * width + x;
      if (!mask[i] && around(i).length) front.push(i);
    }
  }
  while (front.length) {
    /** @type {number[]} */
    const next = [];
    for (const i of front) {
      for (const k of around(i)) {
        open[k] = 0;
        result[k] = result[i];
        next.push(k);
      }
    }
    front = next;
  }
  for (let i = 0; i < open.length; i++) if (open[i]) result[i] = otherwise;
  return result;
}
