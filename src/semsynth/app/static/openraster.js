// The drawing as a file that painting programs open: the picture, and a layer for each class (openraster.org).

import { fileOf } from "./bytes.js";
import { rectOf } from "./masks.js";
import { surface } from "./surface.js";
import { zip } from "./zip.js";

/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./types.js").LabelClass} LabelClass
 * @typedef {import("./types.js").Size} Size
 * @typedef {Size & {ids: Uint8Array}} LabelMap
 * @typedef {{name: string, src: string, x: number, y: number, hidden: boolean}} RasterLayer
 * @typedef {{width: number, height: number, bytes: Uint8Array}} Picture a PNG file
 */

const KIND = "image/openraster", THUMBNAIL = 256;

/**
 * The layers as OpenRaster lists them.
 * @param {number} width
 * @param {number} height
 * @param {RasterLayer[]} layers the topmost one first
 */
export function stackOf(width, height, layers) {
  const rows = layers.map(({ name, src, x, y, hidden }) =>
    `<layer name="${escape(name)}" src="${src}" x="${x}" y="${y}" opacity="1.0" visibility="${hidden ? "hidden" : "visible"}" composite-op="svg:src-over"/>`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<image version="0.0.3" w="${width}" h="${height}"><stack>${rows.join("")}</stack></image>\n`;
}

/** @param {string} text */
function escape(text) {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * The picture with one hidden layer for each class, which covers the class in its colour.
 * @param {LabelMap} map
 * @param {LabelClass[]} classes
 * @param {Picture} picture of the map, of any size
 * @returns {Promise<Blob>}
 */
export async function openRaster(map, classes, picture) {
  const { width, height } = picture, present = new Set(map.ids), shown = classes.filter(({ id }) => present.has(id));
  /** @type {RasterLayer[]} */
  const layers = [];
  /** @type {{name: string, bytes: Uint8Array}[]} */
  const files = [];
  for (const [i, c] of shown.entries()) {
    const { canvas, x, y } = layerOf(map, c, picture), src = `data/class${i}.png`;
    files.push({ name: src, bytes: await bytesOf(canvas) });
    layers.push({ name: c.name, src, x, y, hidden: true });
  }
  layers.push({ name: "Picture", src: "data/picture.png", x: 0, y: 0, hidden: false });
  const small = await thumbnail(picture), text = (/** @type {string} */ words) => new TextEncoder().encode(words);
  const file = zip([
    { name: "mimetype", bytes: text(KIND) },
    { name: "stack.xml", bytes: text(stackOf(width, height, layers)) },
    ...files,
    { name: "data/picture.png", bytes: picture.bytes },
    { name: "mergedimage.png", bytes: picture.bytes },
    { name: "Thumbnails/thumbnail.png", bytes: await bytesOf(small) },
  ]);
  return new Blob([file], { type: KIND });
}

/**
 * The pixels of a class, as large as those of the picture.
 * @param {LabelMap} map
 * @param {LabelClass} c
 * @param {Picture} picture
 */
function layerOf({ ids, width, height }, { id, color }, picture) {
  const mask = ids.map((one) => Number(one === id)), flat = surface(width, height);
  const colour = 0xff000000 | (color[2] << 16) | (color[1] << 8) | color[0];
  mask.forEach((one, i) => (flat.pixels[i] = one && colour));
  flat.show();
  const rect = /** @type {Rect} */ (rectOf(mask, width)), across = picture.width / width, down = picture.height / height;
  const x = Math.floor(rect.x0 * across), y = Math.floor(rect.y0 * down);
  const canvas = document.createElement("canvas");
  const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  canvas.width = Math.ceil(rect.x1 * across) - x;
  canvas.height = Math.ceil(rect.y1 * down) - y;
  g.imageSmoothingEnabled = false;
  g.drawImage(flat.canvas, -x, -y, picture.width, picture.height);
  return { canvas, x, y };
}

/** @param {Picture} picture */
async function thumbnail({ width, height, bytes }) {
  const scale = Math.min(1, THUMBNAIL / Math.max(width, height)), canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @param {HTMLCanvasElement} canvas */
async function bytesOf(canvas) {
  return new Uint8Array(await (await fileOf(canvas)).arrayBuffer());
}
