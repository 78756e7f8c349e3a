// Pictures as files: enlarged, compressed, and with a record of how they were made.

import { writePng } from "../local/png.js";

const FORMATS = ["png", "jpeg", "webp", "rgb"];
export const PNG = FORMATS.indexOf("png");
/** Bits behind the point of the weights, and pixels that one reaches, as in Pillow's Lanczos. */
const PRECISION = 22, REACH = 3;

/**
 * @param {Uint8Array<ArrayBuffer>} rgb three bytes a pixel
 * @param {number} width
 * @param {number} height
 * @param {{format: number, quality: number, texts: Record<string, string>}} how texts: of a PNG
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function encode(rgb, width, height, { format, quality, texts }) {
  const kind = FORMATS[format];
  if (kind === "rgb") return rgb;
  if (kind === "png") return writePng({ width, height, pixels: rgb, texts });
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
  if (!context) throw new Error("This browser does not compress pictures; choose PNG.");
  const image = new ImageData(width, height), { data } = image;
  for (let i = 0, j = 0; i < rgb.length; i += 3, j += 4) {
    data.set(rgb.subarray(i, i + 3), j);
    data[j + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  const type = `image/${kind}`, blob = await canvas.convertToBlob({ type, quality: (quality || 92) / 100 });
  if (blob.type !== type) throw new Error(`This browser writes no ${kind.toUpperCase()} files; choose PNG or JPEG.`);
  return new Uint8Array(await blob.arrayBuffer());
}

/**
 * Enlarge a picture smoothly (Lanczos).
 * @param {Uint8Array<ArrayBuffer>} rgb
 * @param {number} width
 * @param {number} height
 * @param {number} scale a whole number
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function enlarge(rgb, width, height, scale) {
  if (scale === 1) return rgb;
  const wide = stretch(rgb, height, width, 3, scale);
  return stretch(wide, 1, height, 3 * width * scale, scale);
}

/**
 * Stretch the middle axis of an array (rows, count, inner).
 * @param {Uint8Array<ArrayBuffer>} values
 * @param {number} rows
 * @param {number} count
 * @param {number} inner
 * @param {number} scale
 */
function stretch(values, rows, count, inner, scale) {
  const out = new Uint8Array(rows * count * scale * inner);
  for (let i = 0; i < count * scale; i++) {
    const { first, weights } = weightsAt((i + 0.5) / scale, count);
    for (let row = 0; row < rows; row++) {
      const from = (row * count + first) * inner, to = (row * count * scale + i) * inner;
      for (let k = 0; k < inner; k++) {
        let sum = 1 << (PRECISION - 1);
        for (let j = 0; j < weights.length; j++) sum += values[from + j * inner + k] * weights[j];
        out[to + k] = Math.max(0, Math.min(255, sum >> PRECISION));
      }
    }
  }
  return out;
}

/**
 * @param {number} centre
 * @param {number} count
 */
function weightsAt(centre, count) {
  const first = Math.max(0, Math.trunc(centre - REACH + 0.5));
  const end = Math.min(count, Math.trunc(centre + REACH + 0.5));
  const raw = Array.from({ length: end - first }, (_, j) => lanczos(j + first - centre + 0.5));
  const sum = raw.reduce((a, b) => a + b, 0);
  return { first, weights: raw.map((w) => Math.trunc((w / sum) * 2 ** PRECISION + (w < 0 ? -0.5 : 0.5))) };
}

/** @param {number} x */
function lanczos(x) {
  return x >= -REACH && x < REACH ? sinc(x) * sinc(x / REACH) : 0;
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}
