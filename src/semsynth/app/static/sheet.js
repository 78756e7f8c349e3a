// The drawing in many styles, side by side on one sheet.

import { fileOf } from "./bytes.js";
import { ask, FORMAT } from "./connection.js";

/**
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./types.js").StyleChoice} StyleChoice
 * @typedef {import("./studio.js").Studio} Studio
 */

/** Pixels: the long side of a picture, the space around it, the line below it, and the heading. */
const LONG = 320, GAP = 12, LINE = 24, HEAD = 44;
/** A sheet is about this much wider than high. */
const WIDE = 1.4;
const FONT = "system-ui, sans-serif";

/**
 * How a sheet is laid out.
 * @param {number} count of the pictures
 * @param {Size} drawing
 */
export function layoutOf(count, { width, height }) {
  const scale = LONG / Math.max(width, height), w = Math.round(width * scale), h = Math.round(height * scale);
  const columns = Math.max(1, Math.min(count, Math.round(Math.sqrt((count * WIDE * (h + LINE + GAP)) / (w + GAP)))));
  const rows = Math.ceil(count / columns);
  const places = Array.from({ length: count }, (_, i) => ({
    x: GAP + (i % columns) * (w + GAP),
    y: HEAD + Math.floor(i / columns) * (h + LINE + GAP),
  }));
  return { places, w, h, width: GAP + columns * (w + GAP), height: HEAD + rows * (h + LINE + GAP) };
}

/**
 * @param {Studio} studio
 * @param {string} title
 * @param {{label: string, style: StyleChoice}[]} choices
 * @param {Settings} settings
 * @returns {Promise<Blob>} a PNG
 */
export async function contactSheet({ drawing, told }, title, choices, settings) {
  const layout = layoutOf(choices.length, drawing), canvas = document.createElement("canvas");
  canvas.width = layout.width;
  canvas.height = layout.height;
  const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  g.fillStyle = "#fff";
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.fillStyle = "#1b1f26";
  g.font = `600 20px ${FONT}`;
  g.fillText(title, GAP, 29, canvas.width - 2 * GAP);
  g.font = `14px ${FONT}`;
  const { width, height } = drawing, ids = drawing.ids.slice();
  const jobs = choices.map(({ style }) => ({ ids, width, height, settings: { ...settings, style }, format: FORMAT.webp }));
  /** @type {Promise<void>[]} */
  const drawn = [];
  await ask(jobs, ({ bytes }, i) => {
    told.emit(`Contact sheet: ${i + 1} of ${jobs.length}`);
    const { x, y } = layout.places[i];
    g.fillText(choices[i].label, x, y + layout.h + 17, layout.w);
    drawn.push(createImageBitmap(new Blob([bytes])).then((image) => g.drawImage(image, x, y, layout.w, layout.h)));
  });
  await Promise.all(drawn);
  return fileOf(canvas);
}
