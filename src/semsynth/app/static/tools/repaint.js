import { fromRuns, toRuns } from "../bytes.js";
import { adder } from "../masks.js";
import { capsule } from "../raster.js";

/**
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Studio} Studio
 * @typedef {import("../types.js").EditedPhoto} EditedPhoto
 */

/** How many runs the server takes. */
const MOST = 8192;

/** The photograph before the stroke, what of it is painted anew, and where the pen was. */
/** @type {{before: EditedPhoto, mask: Uint8Array, within: Uint8Array | null, last: Pen} | null} */
let stroke = null;

/** @param {Studio} studio @param {Pen} pen */
function paint(studio, pen) {
  if (!stroke) return;
  const { before, mask, within, last } = stroke;
  const radius = (/** @type {Pen} */ p) => Math.max(0.5, (studio.size / 2) * p.pressure);
  capsule(last, pen, radius(last), radius(pen), adder(mask, studio.drawing, within));
  stroke.last = pen;
  put(studio, before, mask);
}

/**
 * @param {Studio} studio
 * @param {EditedPhoto} before
 * @param {Uint8Array} mask what of it is painted anew
 */
function put(studio, before, mask) {
  const runs = toRuns(mask);
  if (runs.length <= MOST) studio.photo?.put({ ...before, repaint: runs });
  else studio.told.emit("This area has too many parts to be repainted; take a simpler one.");
}

/** Repaint what is selected. @param {Studio} studio */
export function repaintSelection(studio) {
  const before = studio.photo?.photo, selected = studio.selection.current();
  if (!before || !selected) return studio.told.emit("Open a photo and select a part of it first.");
  const mask = fromRuns(before.repaint ?? [], selected.length);
  selected.forEach((one, i) => (mask[i] |= one));
  studio.adjust("Repaint", () => put(studio, before, mask));
}

/** @type {import("./tool.js").Tool} */
export const repaint = {
  id: "repaint",
  label: "Repaint",
  key: "t",
  hint: "Paint where the photo shall be new in the chosen style, with the same classes.",
  needs: "photos",
  sized: true,
  down(studio, pen) {
    const before = studio.photo?.photo;
    if (!before) {
      studio.told.emit("Repaint is for photos that are edited; open one first.");
      return;
    }
    const mask = fromRuns(before.repaint ?? [], studio.drawing.ids.length);
    stroke = { before, mask, within: studio.selection.current(), last: pen };
    paint(studio, pen);
  },
  move: paint,
  up(studio) {
    const after = studio.photo?.photo;
    repaint.cancel?.(studio);
    if (after) studio.adjust("Repaint", () => studio.photo?.put(after));
  },
  cancel(studio) {
    if (stroke) studio.photo?.put(stroke.before);
    stroke = null;
  },
};
