import { capsule } from "../raster.js";
import { outline } from "./tool.js";

/**
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Studio} Studio
 */

/**
 * A round brush. A pen that feels pressure paints thinner when pressed lightly.
 * @param {{id: string, label: string, key: string, hint: string}} what
 * @param {(studio: Studio) => number} idOf the class it paints
 * @param {typeof capsule} [draw] a piece of the stroke
 * @returns {Tool}
 */
export function roundBrush(what, idOf, draw = capsule) {
  /** @type {Pen | null} */
  let last = null;
  /** Where the stroke before ended: a line begins there. @type {Pen | null} */
  let end = null;
  /** The far end of the line that a click would draw. @type {Pen | null} */
  let tip = null;

  /** @param {Studio} studio @param {Pen} pen */
  function paint(studio, pen) {
    const from = last ?? pen;
    const id = idOf(studio);
    const radius = (/** @type {Pen} */ p) => Math.max(0.5, (studio.size / 2) * p.pressure);
    const span = (/** @type {number} */ x0, /** @type {number} */ x1, /** @type {number} */ y) =>
      studio.stroke?.paint(x0, x1, y, id);
    draw(from, pen, radius(from), radius(pen), span);
    span(Math.floor(pen.x), Math.floor(pen.x) + 1, Math.floor(pen.y)); // the thinnest brush may miss every middle
    last = end = pen;
    studio.show();
  }

  return {
    ...what,
    sized: true,
    down(studio, pen) {
      last = pen.shift ? end : null;
      tip = null;
      studio.begin();
      paint(studio, pen);
    },
    move: paint,
    hover(_studio, pen) {
      tip = pen.shift ? pen : null;
    },
    up(studio) {
      last = null;
      studio.finish(what.label);
    },
    cancel() {
      last = tip = null;
    },
    preview(g, toScreen) {
      if (end && tip) outline(g, [end, tip].map(toScreen), false);
    },
  };
}

/** @type {Tool} */
export const brush = roundBrush(
  { id: "brush", label: "Brush", key: "b", hint: "Paint. [ and ] change the size; Shift+click draws a line." },
  (studio) => studio.classId,
);
