// Label maps: read from files, written to files. Small faults of drawn maps are repaired, as the server repairs them.

import { toBase64 } from "../bytes.js";
import { colourIds, isDrawing } from "./drawn.js";
import { isPng, readPng, writePng } from "./png.js";
import { Refusal } from "./refusal.js";
import { readSettings } from "./settings.js";

/**
 * @typedef {import("../types.js").LabelSpace} LabelSpace
 * @typedef {import("../types.js").Settings} Settings
 * @typedef {import("./site.js").Site} Site
 * @typedef {import("./png.js").Png} Png
 * @typedef {{width: number, height: number}} Size
 * @typedef {[number, number, number, number]} Frame left, top, width, height
 * @typedef {{ids: Int16Array, width: number, height: number, repaired: number, notes: string[]}} Reading ids: -1 is
 *   a pixel without a label
 */

const RECORD = "semsynth:synthesis", LABEL_SET = "semsynth:label-set";
const LOSSY = ["image/jpeg", "image/webp"];

/**
 * @param {Blob} file
 * @param {LabelSpace} space
 * @param {Size | null} size wanted; the frame or the middle of a map of another shape is taken
 * @param {Frame | null} frame
 */
export async function readMap(file, space, size, frame) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const png = isPng(bytes) ? await readPng(bytes) : null;
  const record = recordOf(png?.texts ?? {});
  if (record?.model) throw new Refusal("The file is a picture that semsynth made, not its label map.");
  const reading = png?.values ? indices(png, png.values, space) : await colours(file, space);
  const notes = [...reading.notes];
  if (reading.ids.includes(-1)) notes.push(fillFromNearest(reading));
  const { width, height } = size ?? reading;
  if (width !== reading.width || height !== reading.height) {
    const part = frame ? "frame of the map was cut and" : "middle of the map was cut and";
    const what = !frame && width * reading.height === height * reading.width ? "map was" : part;
    notes.push(`The ${what} resized from ${reading.width}x${reading.height} to ${width}x${height} pixels.`);
  }
  const ids = toBase64(cut(reading, { width, height }, frame));
  return { width, height, ids, notes, repaired: reading.repaired, settings: readSettings(record?.settings) };
}

/**
 * @param {Uint8Array<ArrayBuffer>} ids
 * @param {Size} size
 * @param {Site} site
 * @param {Settings | null} settings
 */
export function writeMap(ids, size, site, settings) {
  const { labels, version } = site;
  const record = { model: "", label_set: labels.name, settings: readSettings(settings), version };
  /** @type {Record<string, string>} */
  const texts = settings ? { Software: `semsynth ${version}`, [RECORD]: JSON.stringify(record) } : {};
  texts[LABEL_SET] = labels.name;
  return writePng({ ...size, pixels: ids, palette: paletteOf(labels), texts });
}

/** The colours of the classes, for an indexed file. @param {LabelSpace} space */
export function paletteOf({ classes }) {
  const palette = new Uint8Array(768);
  for (const { id, color } of classes) palette.set(color, 3 * id);
  return palette;
}

/** How a file says that it was made. @param {Record<string, string>} texts @returns {any} */
function recordOf(texts) {
  try {
    return JSON.parse(texts[RECORD] ?? texts.semsynth ?? "null");
  } catch {
    return null;
  }
}

/**
 * A file of indices or grey values.
 * @param {Png} png
 * @param {Uint8Array} values
 * @param {LabelSpace} space
 * @returns {Reading}
 */
function indices(png, values, space) {
  const { width, height, palette } = png, own = png.texts[LABEL_SET] === space.name;
  const ids = Int16Array.from({ length: 256 }, (_, value) => idOf(value, space, own));
  const counts = new Uint32Array(256);
  for (const value of values) counts[value]++;
  const used = [...counts.keys()].filter((value) => counts[value]);
  if (palette && meansColours(used, counts, palette, ids, space)) {
    const rgb = new Uint8Array(3 * values.length);
    values.forEach((value, i) => rgb.set(palette.subarray(3 * value, 3 * value + 3), 3 * i));
    const notes = ["Its colours are those of the label set under other indices; the colours were taken."];
    return { ...colourIds(rgb, width, height, space, false), notes };
  }
  const unknown = used.filter((value) => ids[value] === -2);
  if (unknown.length) {
    const listed = unknown.slice(0, 8).map((value) => `${value} (${counts[value]} pixels)`).join(", ");
    throw new Refusal(`The file holds ids that label set '${space.name}' does not have: ${listed}.`);
  }
  return { ids: Int16Array.from(values, (value) => ids[value]), width, height, repaired: 0, notes: [] };
}

/**
 * @param {number} value of a file
 * @param {LabelSpace} space
 * @param {boolean} own whether the file holds ids of the label set, as it says
 * @returns {number} -1 for void that the network does not draw, -2 for what is no class
 */
function idOf(value, { classes, void_id, file_values = {} }, own) {
  const id = own ? value : (file_values[value] ?? value);
  if (id < classes.length) return id;
  return id === void_id ? -1 : -2;
}

/**
 * Whether the colours of an indexed file say what it shows, because its indices do not.
 * @param {number[]} used
 * @param {Uint32Array} counts
 * @param {Uint8Array} palette
 * @param {Int16Array} ids
 * @param {LabelSpace} space
 */
function meansColours(used, counts, palette, ids, { classes }) {
  const colour = (/** @type {number} */ index) => palette.subarray(3 * index, 3 * index + 3).join();
  const known = new Set(classes.map(({ color }) => color.join()));
  const share = (/** @type {number[]} */ some) => some.reduce((sum, index) => sum + counts[index], 0);
  const agree = used.filter((index) => classes[ids[index]]?.color.join() === colour(index));
  const exact = used.filter((index) => known.has(colour(index)));
  const valid = used.every((index) => ids[index] > -2);
  if (agree.length === used.length) return false;
  if (exact.length === used.length) return used.length > 1 || colour(used[0]) !== "0,0,0" || !valid;
  const many = share(exact) * 2 >= share(used);
  return many && (!valid || (exact.length > 1 && share(agree) * 2 < share(exact)));
}

/**
 * A file of colours.
 * @param {Blob} file
 * @param {LabelSpace} space
 * @returns {Promise<Reading>}
 */
async function colours(file, space) {
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Refusal("The file is no picture that this browser can read, or it is damaged.");
  }
  const { width, height } = bitmap, context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) throw new Refusal("The file is too large for this browser.");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(3 * width * height), holes = new Uint8Array(width * height);
  for (let i = 0; i < holes.length; i++) {
    rgb.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
    holes[i] = data[4 * i + 3] ? 0 : 1;
  }
  const grey = greyIds(rgb, space);
  if (grey) return { ...indices({ width, height, palette: null, alpha: null, values: grey, texts: {} }, grey, space), notes: ["Grey RGB values were taken for ids."] };
  const lossy = LOSSY.includes(file.type);
  if (!isDrawing(rgb, width, height)) throw new Refusal("The file is a picture, not a label map.");
  return { ...colourIds(rgb, width, height, space, lossy, holes) };
}

/**
 * Ids that were saved as the grey of a colour file.
 * @param {Uint8Array} rgb
 * @param {LabelSpace} space
 * @returns {Uint8Array<ArrayBuffer> | null} null where it holds colours
 */
function greyIds(rgb, space) {
  if (!rgb.every((value, i) => value === rgb[i - (i % 3)])) return null;
  const grey = rgb.filter((_, i) => i % 3 === 0), used = [...new Set(grey)];
  const drawn = new Set(space.classes.map(({ color }) => color.join()));
  const exact = used.every((value) => drawn.has([value, value, value].join()));
  return exact || used.some((value) => idOf(value, space, false) === -2) ? null : grey;
}

/**
 * Pixels without a label take that of the nearest one that has one, in steps along rows and columns.
 * @param {Reading} reading
 * @returns {string}
 */
function fillFromNearest({ ids, width, height }) {
  let edge = [...ids.keys()].filter((i) => ids[i] >= 0);
  if (!edge.length) throw new Refusal("The label map holds nothing but void; there is nothing to draw.");
  while (edge.length) {
    const reached = [];
    for (const i of edge) {
      const x = i % width;
      for (const near of [i - width, i + width, x ? i - 1 : -1, x < width - 1 ? i + 1 : -1]) {
        if (near < 0 || near >= width * height || ids[near] !== -1) continue;
        ids[near] = ids[i];
        reached.push(near);
      }
    }
    edge = reached;
  }
  return "Pixels without a label took the class of the nearest one that has a label.";
}

/**
 * A part of a map at another size: the map is resized to cover that size, every pixel being the one nearest to its
 * centre, and what overhangs is cut off.
 * @param {Reading} reading
 * @param {Size} size
 * @param {Frame | null} frame null is the middle
 */
function cut(reading, { width, height }, frame) {
  const [left, top, across, down] = frame ?? [0, 0, reading.width, reading.height];
  const factor = Math.max(width / across, height / down);
  const columns = taken(reading.width, factor, width, frame && left), rows = taken(reading.height, factor, height, frame && top);
  const out = new Uint8Array(width * height);
  rows.forEach((row, y) => columns.forEach((column, x) => (out[y * width + x] = reading.ids[row * reading.width + column])));
  return out;
}

/**
 * Which of the pixels along a side are taken.
 * @param {number} old
 * @param {number} factor
 * @param {number} count
 * @param {number | null} start null is the middle
 */
function taken(old, factor, count, start) {
  const covering = Math.max(count, Math.round(factor * old)), most = covering - count;
  const first = start === null ? Math.floor(most / 2) : Math.min(most, Math.round(factor * start));
  return Array.from({ length: count }, (_, i) => Math.floor(((2 * (i + first) + 1) * old) / (2 * covering)));
}
