// Photographs: the style of one is found by the painter.

import { toBase64 } from "../bytes.js";
import { Refusal } from "./refusal.js";
import { askStyle } from "./socket.js";

const THUMBNAIL = 128, QUALITY = 0.85;
/** Pixels of a photograph that are looked at; a larger one is made smaller first. */
const MOST = 4 << 20;

/**
 * @param {Blob} file
 * @returns {Promise<{vector: number[], thumbnail: string}>}
 */
export async function styleOfPhoto(file) {
  const photo = await createImageBitmap(file).catch(() => {
    throw new Refusal("The file is no picture that this browser can read, or it is damaged.");
  });
  const whole = drawn(photo, Math.sqrt(MOST / (photo.width * photo.height)));
  const { width, height } = whole, { data } = context(whole).getImageData(0, 0, width, height);
  const small = drawn(photo, THUMBNAIL / Math.max(photo.width, photo.height));
  const jpeg = await small.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  const thumbnail = `data:image/jpeg;base64,${toBase64(new Uint8Array(await jpeg.arrayBuffer()))}`;
  return { vector: await askStyle(data, width, height), thumbnail };
}

/**
 * @param {ImageBitmap} photo
 * @param {number} scale made smaller, never larger
 */
function drawn(photo, scale) {
  const side = (/** @type {number} */ length) => Math.max(1, Math.round(length * Math.min(1, scale)));
  const canvas = new OffscreenCanvas(side(photo.width), side(photo.height));
  const g = context(canvas);
  g.imageSmoothingQuality = "high";
  g.drawImage(photo, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @param {OffscreenCanvas} canvas */
function context(canvas) {
  const found = canvas.getContext("2d");
  if (!found) throw new Refusal("The file is too large for this browser.");
  return found;
}
