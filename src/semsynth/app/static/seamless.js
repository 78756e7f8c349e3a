// Pictures that can be laid beside each other without a seam.

import { fileOf } from "./bytes.js";
import { ask, FORMAT } from "./connection.js";

/**
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {{x: number, y: number}} Margin how far a map is continued to either side, and up and down, in pixels
 */

/** As far as the picture depends on the edge of its map. */
const MARGIN = 128;
/** The part of it that the beginning and what came after the end fade over: at the edge itself pictures look different. */
const FADED = 0.5;

/**
 * A map with what lies around it when it repeats.
 * @param {Uint8Array} ids
 * @param {Size} size
 * @param {Margin} margin
 * @returns {Size & {ids: Uint8Array}}
 */
export function wrapped(ids, { width, height }, margin) {
  const w = width + 2 * margin.x, h = height + 2 * margin.y, around = new Uint8Array(w * h);
  const turn = (/** @type {number} */ i, /** @type {number} */ length) => ((i % length) + length) % length;
  for (let y = 0; y < h; y++) {
    const row = turn(y - margin.y, height) * width;
    for (let x = 0; x < w; x++) around[y * w + x] = ids[row + turn(x - margin.x, width)];
  }
  return { ids: around, width: w, height: h };
}

/**
 * The middle of a picture of such a map. Where it begins it is what came after its end, and fades over.
 * @param {Uint8Array} pixels three bytes each
 * @param {Size} size with the margins
 * @param {Margin} margin
 * @returns {Size & {pixels: Uint8Array}}
 */
export function folded(pixels, { width, height }, margin) {
  const w = width - 2 * margin.x, h = height - 2 * margin.y;
  const sideways = fold(pixels, { count: height, step: 3 * width }, { length: w, step: 3 }, margin.x);
  const both = fold(sideways, { count: w, step: 3 }, { length: h, step: 3 * w }, margin.y);
  return { pixels: both, width: w, height: h };
}

/**
 * Fold all lines of one direction.
 * @param {Uint8Array} pixels
 * @param {{count: number, step: number}} lines how many there are, and how far the next one is
 * @param {{length: number, step: number}} along how long a line becomes, and how far its next pixel is
 * @param {number} margin
 */
function fold(pixels, lines, along, margin) {
  const result = new Uint8Array(3 * lines.count * along.length);
  const across = along.step === 3;
  for (let line = 0; line < lines.count; line++) {
    for (let i = 0; i < along.length; i++) {
      const own = line * lines.step + (i + margin) * along.step, beyond = own + along.length * along.step;
      const to = across ? 3 * (line * along.length + i) : 3 * (i * lines.count + line);
      const faded = FADED * margin, share = i < faded ? fade((i + 0.5) / faded) : 1;
      for (let k = 0; k < 3; k++) {
        result[to + k] = share === 1 ? pixels[own + k] : Math.round(share * pixels[own + k] + (1 - share) * pixels[beyond + k]);
      }
    }
  }
  return result;
}

/** @param {number} t from 0 to 1 */
function fade(t) {
  return t * t * (3 - 2 * t);
}

/**
 * The drawing as a picture that repeats.
 * @param {Studio} studio
 * @param {Settings} settings
 * @param {{scale: number, kind: string, both: boolean}} how both: up and down, too
 * @returns {Promise<Blob>}
 */
export async function seamless({ drawing, model, photo }, settings, { scale, kind, both }) {
  if (photo?.photo) throw new Error("A photo cannot be made to repeat.");
  const margin = { x: MARGIN, y: both ? MARGIN : 0 }, around = wrapped(drawing.ids, drawing, margin);
  if (Math.max(around.width, around.height) > model.limits.max_side) {
    throw new Error(`A picture that repeats can be ${model.limits.max_side - 2 * MARGIN} pixels long; take a smaller drawing.`);
  }
  const canvas = document.createElement("canvas");
  await ask([{ ...around, settings, format: FORMAT.rgb, scale }], ({ bytes, width, height }) => {
    const tile = folded(bytes, { width, height }, { x: scale * margin.x, y: scale * margin.y });
    canvas.width = tile.width;
    canvas.height = tile.height;
    const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = g.createImageData(tile.width, tile.height), { data } = image;
    for (let i = 0, j = 0; i < data.length; i += 4, j += 3) {
      data.set(tile.pixels.subarray(j, j + 3), i);
      data[i + 3] = 255;
    }
    g.putImageData(image, 0, 0);
  });
  return fileOf(canvas, kind);
}
