import { after, apply, shift } from "../affine.js";
import { fill } from "../vector.js";
import { outline } from "./tool.js";

/**
 * @typedef {import("../affine.js").Affine} Affine
 * @typedef {import("../stroke.js").Stroke} Stroke
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Point} Point
 * @typedef {import("./tool.js").Studio} Studio
 * @typedef {{name: string, parts: {id: number, outlines: Point[][]}[]}} Shape a stamp, ready to be painted
 */

/**
 * Where a stamp goes whose foot is at a place: it is twice as high as the brush is wide.
 * @param {Point} foot
 * @param {number} size of the brush
 * @param {boolean} mirrored
 * @returns {Affine}
 */
export function placed(foot, size, mirrored) {
  const scale = size / 50;
  return after(shift(foot.x, foot.y), [mirrored ? -scale : scale, 0, 0, scale, 0, 0]);
}

/**
 * @param {Stroke} stroke
 * @param {Shape} shape
 * @param {Affine} map
 */
export function press(stroke, { parts }, map) {
  for (const { id, outlines } of parts) fill(outlines, map, (x0, x1, y) => stroke.paint(x0, x1, y, id));
}

/** Where the pen is while it is not down. @type {Pen | null} */
let above = null;

/** @param {Studio} studio @param {Pen} pen */
function show(studio, pen) {
  const { stroke } = studio;
  above = null;
  if (!stroke || !studio.stamp) return;
  stroke.reset();
  press(stroke, studio.stamp, placed(pen, studio.size * pen.pressure, pen.shift));
  studio.show();
}

/** @type {import("./tool.js").Tool} */
export const stamp = {
  id: "stamp",
  label: "Stamp",
  key: "u",
  hint: "Click to place it. Shift mirrors; U again shows all stamps.",
  sized: true,
  stamps: true,
  down(studio, pen) {
    studio.begin();
    show(studio, pen);
  },
  move: show,
  up(studio) {
    studio.finish(`Stamp ${studio.stamp?.name ?? ""}`);
  },
  hover(_studio, pen) {
    above = pen;
  },
  leave() {
    above = null;
  },
  preview(g, toScreen, studio) {
    if (!above || !studio.stamp) return;
    const map = placed(above, studio.size, above.shift);
    for (const { outlines } of studio.stamp.parts) {
      for (const one of outlines) outline(g, one.map((p) => toScreen(apply(map, p))), true);
    }
  },
};
