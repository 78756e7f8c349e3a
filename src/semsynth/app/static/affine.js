// Moving, scaling and turning: affine maps [a, b, c, d, e, f] as the canvas has them, (x, y) → (ax + cy + e, bx + dy + f).

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {[number, number, number, number, number, number]} Affine
 */

/** @type {Affine} */
export const IDENTITY = [1, 0, 0, 1, 0, 0];

/**
 * First the second map, then the first one.
 * @param {Affine} m
 * @param {Affine} n
 * @returns {Affine}
 */
export function after([a, b, c, d, e, f], n) {
  return [
    a * n[0] + c * n[1], b * n[0] + d * n[1],
    a * n[2] + c * n[3], b * n[2] + d * n[3],
    a * n[4] + c * n[5] + e, b * n[4] + d * n[5] + f,
  ];
}

/**
 * @param {Affine} m
 * @param {Point} p
 * @returns {Point}
 */
export function apply([a, b, c, d, e, f], { x, y }) {
  return { x: a * x + c * y + e, y: b * x + d * y + f };
}

/**
 * @param {Affine} m
 * @returns {Affine | null} null where there is no way back
 */
export function inverse([a, b, c, d, e, f]) {
  const det = a * d - b * c;
  if (Math.abs(det) < 1e-9) return null;
  return [d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det];
}

/**
 * @param {number} x
 * @param {number} y
 * @returns {Affine}
 */
export function shift(x, y) {
  return [1, 0, 0, 1, x, y];
}

/**
 * Scale and then turn, leaving a place where it is.
 * @param {Point} place
 * @param {number} sx
 * @param {number} sy
 * @param {number} angle in radians, clockwise as one sees it
 * @returns {Affine}
 */
export function about({ x, y }, sx, sy, angle) {
  const cos = Math.cos(angle), sin = Math.sin(angle);
  return after(after(shift(x, y), [sx * cos, sx * sin, -sy * sin, sy * cos, 0, 0]), shift(-x, -y));
}

/**
 * The corners of a rectangle, mapped: the upper left one first, then clockwise.
 * @param {Affine} m
 * @param {Rect} rect
 */
export function cornersOf(m, { x0, y0, x1, y1 }) {
  return [{ x: x0, y: y0 }, { x: x1, y: y0 }, { x: x1, y: y1 }, { x: x0, y: y1 }].map((p) => apply(m, p));
}

/**
 * The pixels that a mapped rectangle touches.
 * @param {Affine} m
 * @param {Rect} rect
 * @returns {Rect}
 */
export function boundsOf(m, rect) {
  const corners = cornersOf(m, rect), xs = corners.map((p) => p.x), ys = corners.map((p) => p.y);
  return {
    x0: Math.floor(Math.min(...xs)), y0: Math.floor(Math.min(...ys)),
    x1: Math.ceil(Math.max(...xs)), y1: Math.ceil(Math.max(...ys)),
  };
}
