// The part of a map that can have changed, as a few boxes. See semsynth/inference/boxes.py.

/**
 * @typedef {[top: number, left: number, bottom: number, right: number]} Box rows top..bottom-1, columns left..right-1
 */
/** @typedef {[height: number, width: number]} Size */

const SEPARATE = 32 * 32; // pixels of the full map that must be saved before a box is cut in two
const WHOLE = 0.7; // share of a level from which on it is drawn whole

/** @param {Box} box */
export const area = ([top, left, bottom, right]) => (bottom - top) * (right - left);

/** @param {Size} size @returns {Box} */
export const whole = ([height, width]) => [0, 0, height, width];

/** @param {Box} box @param {number} by @returns {Box} */
export const scaled = ([top, left, bottom, right], by) => [top * by, left * by, bottom * by, right * by];

/**
 * Larger by so many pixels on every side that is not a border of the picture.
 * @param {Box} box
 * @param {number} by
 * @param {Size} size
 * @returns {Box}
 */
export function grown([top, left, bottom, right], by, [height, width]) {
  return [Math.max(0, top - by), Math.max(0, left - by), Math.min(height, bottom + by), Math.min(width, right + by)];
}

/** The smallest box around both. @param {Box} a @param {Box} b @returns {Box} */
export function joined(a, b) {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}

/**
 * Boxes around everything that is set in a map; far parts get boxes of their own.
 * @param {Uint8Array} changed
 * @param {Size} size
 * @returns {Box[]}
 */
export function cover(changed, size, within = whole(size)) {
  const box = bounds(changed, size, within);
  if (!box) return [];
  if (area(box) <= SEPARATE) return [box];
  const [top, left, bottom, right] = box;
  const tall = bottom - top >= right - left;
  const middle = tall ? top + ((bottom - top) >> 1) : left + ((right - left) >> 1);
  const halves = [
    ...cover(changed, size, tall ? [top, left, middle, right] : [top, left, bottom, middle]),
    ...cover(changed, size, tall ? [middle, left, bottom, right] : [top, middle, bottom, right]),
  ];
  const saved = area(box) - halves.reduce((sum, half) => sum + area(half), 0);
  return saved > SEPARATE * (halves.length - 1) ? halves : [box];
}

/**
 * The smallest box around everything that is set within a box of a map.
 * @param {Uint8Array} changed
 * @param {Size} size
 * @param {Box} within
 * @returns {Box | null}
 */
function bounds(changed, [, width], [top, left, bottom, right]) {
  let [low, high, first, last] = [bottom, top, right, left];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if (!changed[y * width + x]) continue;
      if (y < low) low = y;
      high = y + 1;
      if (x < first) first = x;
      if (x >= last) last = x + 1;
    }
  }
  return low < high ? [low, first, high, last] : null;
}

/**
 * Join boxes where one is no more work than two, if `margin` more pixels on every side are to be drawn. Where that
 * comes to most of the picture, all of it.
 * @param {Box[]} boxes
 * @param {number} margin
 * @param {Size} size
 * @returns {Box[]}
 */
export function merged(boxes, margin, size) {
  const left = [...boxes];
  const done = [];
  const work = (/** @type {Box} */ box) => area(grown(box, margin, size));
  for (let box = left.pop(); box; box = left.pop()) {
    const one = box;
    const at = left.findIndex((other) => work(joined(one, other)) <= work(one) + work(other));
    if (at < 0) done.push(one);
    else left.push(joined(one, left.splice(at, 1)[0]));
  }
  const drawn = done.reduce((sum, box) => sum + work(box), 0);
  return drawn > WHOLE * size[0] * size[1] ? [whole(size)] : done;
}

/**
 * What of a box of the full map is changed where the level of another size looks at it.
 * @param {Uint8Array} changed
 * @param {Size} full
 * @param {Box} box
 * @param {Size} size
 * @returns {Box | null}
 */
export function sampled(changed, [height, width], box, [h, w]) {
  const [top, bottom] = [box[0], box[2]].map((at) => Math.ceil((at * h) / height));
  const [left, right] = [box[1], box[3]].map((at) => Math.ceil((at * w) / width));
  /** @type {Box | null} */
  let seen = null;
  for (let y = top; y < bottom; y++) {
    const row = Math.floor((y * height) / h) * width;
    for (let x = left; x < right; x++) {
      if (!changed[row + Math.floor((x * width) / w)]) continue;
      seen = seen ? joined(seen, [y, x, y + 1, x + 1]) : [y, x, y + 1, x + 1];
    }
  }
  return seen;
}
