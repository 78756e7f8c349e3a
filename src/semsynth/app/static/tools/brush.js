import { capsule } from "../raster.js";

/**
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Studio} Studio
 */

/**
 * A round brush. A pen that feels pressure paints thinner when pressed lightly.
 * @param {{id: string, label: string, key: string, hint: string}} what
 * @param {(studio: Studio) => number} idOf the class it paints
 * @returns {Tool}
 */
export function roundBrush(what, idOf) {
  /** @type {Pen | null} */
  let last = null;

  /** @param {Studio} studio @param {Pen} pen */
  function paint(studio, pen) {
    const from = last ?? pen;
    const id = idOf(studio);
    const radius = (/** @type {Pen} */ p) => Math.max(0.5, (studio.size / 2) * p.pressure);
    const span = (/** @type {number} */ x0, /** @type {number} */ x1, /** @type {number} */ y) =>
      studio.stroke?.paint(x0, x1, y, id);
    capsule(from, pen, radius(from), radius(pen), span);
    span(Math.floor(pen.x), Math.floor(pen.x) + 1, Math.floor(pen.y)); // the thinnest brush may miss every middle
    last = pen;
    studio.show();
  }

  return {
    ...what,
    sized: true,
    down(studio, pen) {
      last = null;
      studio.begin();
      paint(studio, pen);
    },
    move: paint,
    up(studio) {
      last = null;
      studio.finish(what.label);
    },
    cancel() {
      last = null;
    },
  };
}

/** @type {Tool} */
export const brush = roundBrush(
  { id: "brush", label: "Brush", key: "b", hint: "Paint. [ and ] change the size." },
  (studio) => studio.classId,
);
