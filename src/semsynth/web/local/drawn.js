// Maps that are drawn in colours: which class every colour means.

import { Refusal } from "./refusal.js";

/**
 * @typedef {import("../types.js").LabelSpace} LabelSpace
 * @typedef {import("./maps.js").Reading} Reading
 */

/** Colour distance up to which a pixel has a class's colour: rounding; compression. */
const NEAR = 6, NEAR_LOSSY = 24;
/** Share of pixels in other colours from which on a picture is no map of the label set. */
const FOREIGN = 0.5;
/** Share of equal neighbours: photographs stay below it, drawings above. */
const EVEN = 0.5;
const UNKNOWN = -2;

/**
 * @param {Uint8Array} rgb
 * @param {number} width
 * @param {number} height
 * @param {LabelSpace} space
 * @param {boolean} lossy whether the format may have changed colours
 * @param {Uint8Array} [holes] 1 where nothing is drawn
 * @returns {Reading}
 */
export function colourIds(rgb, width, height, space, lossy, holes) {
  const ids = new Int16Array(width * height);
  const known = new Map([...space.classes].reverse().map(({ id, color }) => [packed(color, 0), { id, distance: 0 }]));
  let repaired = 0, unknown = 0;
  for (let i = 0; i < ids.length; i++) {
    if (holes?.[i]) {
      ids[i] = -1;
      continue;
    }
    const colour = packed(rgb, 3 * i), { id, distance } = known.get(colour) ?? nearest(rgb, 3 * i, space);
    if (!known.has(colour)) known.set(colour, { id, distance });
    if (distance) repaired++;
    ids[i] = distance <= (lossy ? NEAR_LOSSY : NEAR) ? id : UNKNOWN;
    if (ids[i] === UNKNOWN) unknown++;
  }
  if (unknown > FOREIGN * ids.length || (repaired === ids.length && !lossy)) {
    throw new Refusal(`The file is a colour picture that is not drawn in label set '${space.name}': most of its pixels do not have the colour of a class.`);
  }
  if (unknown) takeFromNeighbours(ids, rgb, width, space);
  const share = ((100 * repaired) / ids.length).toFixed(1);
  const note = `${repaired} pixels (${share} %) had no exact class colour and took the class of a neighbour or of an all but equal colour.`;
  return { ids, width, height, repaired, notes: repaired ? [note] : [] };
}

/**
 * Tell a drawing from a photograph, which has no areas of one colour.
 * @param {Uint8Array} rgb
 * @param {number} width
 * @param {number} height
 */
export function isDrawing(rgb, width, height) {
  let across = 0, down = 0;
  for (let i = 0; i < width * height; i++) {
    if (i % width && packed(rgb, 3 * i) === packed(rgb, 3 * i - 3)) across++;
    if (i >= width && packed(rgb, 3 * i) === packed(rgb, 3 * (i - width))) down++;
  }
  return across / Math.max(1, (width - 1) * height) + down / Math.max(1, width * (height - 1)) >= 2 * EVEN;
}

/** @param {ArrayLike<number>} rgb @param {number} at */
function packed(rgb, at) {
  return (rgb[at] << 16) | (rgb[at + 1] << 8) | rgb[at + 2];
}

/**
 * @param {ArrayLike<number>} rgb
 * @param {number} at
 * @param {LabelSpace} space
 */
function nearest(rgb, at, { classes }) {
  let id = 0, distance = Infinity;
  for (const one of classes) {
    const here = between(rgb, at, one.color);
    if (here < distance) [id, distance] = [one.id, here];
  }
  return { id, distance };
}

/**
 * @param {ArrayLike<number>} rgb
 * @param {number} at
 * @param {ArrayLike<number>} color
 */
function between(rgb, at, color) {
  return Math.hypot(rgb[at] - color[0], rgb[at + 1] - color[1], rgb[at + 2] - color[2]);
}

/**
 * The colours of a softened edge are often those of third classes: such pixels take, ring by ring, the class of
 * the neighbour whose colour is the closest.
 * @param {Int16Array} ids
 * @param {Uint8Array} rgb
 * @param {number} width
 * @param {LabelSpace} space
 */
function takeFromNeighbours(ids, rgb, width, { classes }) {
  let left = [...ids.keys()].filter((i) => ids[i] === UNKNOWN);
  while (left.length) {
    /** @type {[number, number][]} */
    const found = [];
    for (const i of left) {
      let best = UNKNOWN, least = Infinity;
      for (const step of [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1]) {
        const near = i + step, id = ids[near];
        if (!(id >= 0) || Math.abs((near % width) - (i % width)) > 1) continue;
        const distance = between(rgb, 3 * i, classes[id].color);
        if (distance < least) [best, least] = [id, distance];
      }
      if (best !== UNKNOWN) found.push([i, best]);
    }
    for (const [i, id] of found) ids[i] = id;
    if (!found.length) for (const i of left) ids[i] = -1;
    left = left.filter((i) => ids[i] === UNKNOWN);
  }
}
