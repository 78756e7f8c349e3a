// The painter of the page without a server: this worker holds the model.

import { toBase64 } from "../bytes.js";
import { Engine } from "../engine/index.js";
import { writeMap } from "../local/maps.js";
import { appearance } from "./appearance.js";
import { download } from "./download.js";
import { encode, enlarge, PNG } from "./encode.js";
import { recordOf } from "./record.js";
import { Session } from "./session.js";

/**
 * @typedef {import("../local/site.js").Site} Site
 * @typedef {import("./protocol.js").Job} Job
 */

const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const NO_SIMD = "This browser is too old to paint: it lacks WebAssembly SIMD. A current Chrome, Edge, Firefox or Safari has it.";
const MB = 1e6, STEPS = 10;
/** Share of the progress that is the download. */
const DOWNLOAD = 0.8;

/** @type {Site} */
let site;
/** @type {Engine} */
let engine;
const session = new Session(paint);
session.away = "Loading the model ...";
self.onmessage = ({ data }) => (data instanceof MessagePort ? session.join(data) : encodePhoto(data));
self.postMessage(0);
const loaded = load();
loaded.catch((error) => session.move(`The model could not be loaded: ${error.message} Reload the page to try again.`));

async function load() {
  if (!WebAssembly.validate(new Uint8Array(SIMD))) return session.move(NO_SIMD);
  const address = new URL("../site.json", import.meta.url);
  site = await (await fetch(address)).json();
  const module = fetch(new URL(site.module, address)).then((answer) => answer.arrayBuffer());
  const total = site.weights.bytes;
  let told = 0;
  const blob = await download(new URL(site.weights.file, address), total, (loaded) => {
    self.postMessage((DOWNLOAD * loaded) / total);
    if (loaded * STEPS < told * total) return;
    told = Math.floor((loaded * STEPS) / total) + 1;
    session.move(`Loading the model: ${Math.round(loaded / MB)} of ${Math.round(total / MB)} MB.`);
  });
  const weights = await blob.arrayBuffer();
  const onProgress = (/** @type {number} */ share) => self.postMessage(DOWNLOAD + 0.99 * share * (1 - DOWNLOAD));
  engine = await Engine.load({ module: await module, weights, onProgress });
  self.postMessage(1);
  session.move("");
}

/** @param {{pixels: Uint8ClampedArray, width: number, height: number, port: MessagePort}} photo */
async function encodePhoto({ pixels, width, height, port }) {
  try {
    await loaded;
    if (!engine?.encoder) throw new Error("This model has one style only; it cannot take the style of a photograph.");
    port.postMessage([...engine.encoder.style(pixels, width, height)]);
  } catch (error) {
    port.postMessage(/** @type {Error} */ (error).message);
  }
}

/** @param {Job} job */
async function paint({ ids, width, height, settings, format, scale, quality }) {
  const begin = performance.now(), look = appearance(settings.style, site, (seed) => engine.random(seed));
  if (!scale) throw new Error("Scale 0 is that of the photograph that is edited, and none is.");
  const rgb = draw(ids, width, height, look);
  const [wide, high] = [width * scale, height * scale];
  const texts = recordOf(site, look, settings, { width, height, scale });
  if (format === PNG) texts["semsynth:labels"] = toBase64(await writeMap(ids, { width, height }, site, settings));
  const content = await encode(enlarge(rgb, width, height, scale), wide, high, { format, quality, texts });
  return { content, width: wide, height: high, microseconds: Math.round(1000 * (performance.now() - begin)) };
}

/**
 * Draw a map of any size: the network's are multiples of a number, so the last row and column are repeated up to it.
 * @param {Uint8Array<ArrayBuffer>} ids
 * @param {number} width
 * @param {number} height
 * @param {import("./appearance.js").Appearance} look
 * @returns {Uint8Array<ArrayBuffer>}
 */
function draw(ids, width, height, { rows, vector, offset }) {
  const style = rows ?? vector ?? undefined, noise = offset ?? undefined, { stride } = engine;
  const paint = (/** @type {Uint8Array} */ map, /** @type {number} */ across, /** @type {number} */ down) =>
    /** @type {Uint8Array<ArrayBuffer>} */ (engine.draw(map, across, down, { style, noise }).rgb);
  const wide = Math.ceil(width / stride) * stride, high = Math.ceil(height / stride) * stride;
  if (wide === width && high === height) return paint(ids, width, height);
  const padded = new Uint8Array(wide * high);
  for (let i = 0; i < padded.length; i++) {
    const x = Math.min(width - 1, i % wide), y = Math.min(height - 1, Math.floor(i / wide));
    padded[i] = ids[y * width + x];
  }
  const rgb = paint(padded, wide, high), cropped = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) cropped.set(rgb.subarray(3 * y * wide, 3 * (y * wide + width)), 3 * y * width);
  return cropped;
}
