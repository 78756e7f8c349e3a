// The shapes and sizes that drawings can have, and what of a picture goes into one.

/**
 * @typedef {import("./types.js").Model} Model
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./types.js").Frame} Frame
 * @typedef {{id: string, label: string, ratio: number}} Shape ratio: width by height
 */

/** @type {Shape[]} */
export const SHAPES = [
  { id: "square", label: "Square", ratio: 1 },
  { id: "3:2", label: "3:2", ratio: 3 / 2 },
  { id: "16:9", label: "16:9", ratio: 16 / 9 },
  { id: "2:3", label: "Portrait", ratio: 2 / 3 },
  { id: "2:1", label: "Panorama", ratio: 2 },
  { id: "3:1", label: "3:1", ratio: 3 },
];

/**
 * The shapes to choose from: the model's own one first, where it is none of the usual ones.
 * @param {Size} model
 * @returns {Shape[]}
 */
export function shapesOf({ width, height }) {
  const own = width / height;
  if (SHAPES.some(({ ratio }) => ratio === own)) return SHAPES;
  return [{ id: "own", label: "As the model", ratio: own }, ...SHAPES];
}

/**
 * The short sides to choose from: the model's own one, and twice that.
 * @param {Model} model
 */
export function finenesses({ width, height, limits }) {
  const short = Math.min(width, height);
  return [short, 2 * short].filter((side) => side <= limits.max_side);
}

/**
 * The size of a drawing of some shape. Its sides are multiples of the model's step, so that nothing is painted in vain.
 * @param {number} ratio
 * @param {number} short the short side, in pixels
 * @param {Model} model
 * @returns {Size | null} null where it would be too large
 */
export function sizeOf(ratio, short, { width, height, stride, limits }) {
  if (ratio === width / height && short === Math.min(width, height)) return { width, height };
  const long = Math.round((short * Math.max(ratio, 1 / ratio)) / stride) * stride;
  if (long > limits.max_side) return null;
  return ratio < 1 ? { width: short, height: long } : { width: long, height: short };
}

/**
 * The size of the drawing of a whole picture, in whose shape it is.
 * @param {Size} picture
 * @param {number} short the short side, in pixels
 * @param {Model} model
 * @returns {Size}
 */
export function sizeOfWhole({ width, height }, short, { limits }) {
  const factor = Math.min(short / Math.min(width, height), limits.max_side / Math.max(width, height));
  const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * factor)));
  return { width: w, height: h };
}

/**
 * A frame around a place of a picture, as far as it lies on it.
 * @param {Size} picture
 * @param {number} ratio of the frame
 * @param {number} share of the largest frame's sides
 * @param {import("./types.js").Point} middle from 0 to 1
 * @returns {Frame}
 */
export function frameAt({ width, height }, ratio, share, middle) {
  const most = Math.min(width, height * ratio);
  const w = Math.max(1, Math.round(share * most)), h = Math.max(1, Math.round((share * most) / ratio));
  const place = (/** @type {number} */ at, /** @type {number} */ room, /** @type {number} */ side) =>
    Math.max(0, Math.min(room - side, Math.round(at * room - side / 2)));
  return [place(middle.x, width, w), place(middle.y, height, h), w, h];
}
