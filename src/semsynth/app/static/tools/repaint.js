import { fromRuns, toRuns } from "../bytes.js";
import { adder } from "../masks.js";
import { capsule } from "../raster.js";

/**
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Studio} Studio
 * @typedef {import("../types.js").EditedPhoto} EditedPhoto
 */

/** The photograph before the stroke, what of it is painted anew, and where the pen was. */
/** @type {{before: EditedPhoto, mask: Uint8Array, last: Pen} | null} */
let stroke = null;

/** @param {Studio} studio @param {Pen} pen */
function paint(studio, pen) {
  if (!stroke) return;
  const { before, mask, last } = stroke;
  const radius = (/** @type {Pen} */ p) => Math.max(0.5, (studio.size / 2) * p.pressure);
  capsule(last, pen, radius(last), radius(pen), adder(mask, studio.drawing));
  stroke.last = pen;
  studio.photo?.put({ ...before, repaint: toRuns(mask) });
}

/** @type {import("./tool.js").Tool} */
export const repaint = {
  id: "repaint",
  label: "Repaint",
  key: "t",
  hint: "Paint where the photo shall be new in the chosen style, with the same classes.",
  sized: true,
  down(studio, pen) {
    const before = studio.photo?.photo;
    if (!before) {
      studio.told.emit("Repaint is for photos that are edited; open one first.");
      return;
    }
    stroke = { before, mask: fromRuns(before.repaint ?? [], studio.drawing.ids.length), last: pen };
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
