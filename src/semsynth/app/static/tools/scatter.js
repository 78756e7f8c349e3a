import { placed, press } from "./stamp.js";

/**
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Studio} Studio
 * @typedef {{x: number, y: number, size: number, mirrored: boolean}} One
 */

/** How far from each other stamps are and how far they stray, in widths of the brush. */
const APART = 0.9, STRAY = 0.35;

/** The stamps of this stroke. @type {One[]} */
let all = [];
/** Where the pen was when the last of them came. @type {Pen | null} */
let last = null;

/** @param {Studio} studio @param {Pen} pen */
function scatterAlong(studio, pen) {
  const { stroke, stamp, size } = studio;
  if (!stroke || !stamp) return;
  if (last && Math.hypot(pen.x - last.x, pen.y - last.y) < APART * size) return;
  last = pen;
  const stray = () => (Math.random() * 2 - 1) * STRAY * size;
  all.push({
    x: pen.x + stray(), y: pen.y + stray(),
    size: size * pen.pressure * (0.7 + 0.6 * Math.random()),
    mirrored: Math.random() < 0.5,
  });
  all.sort((a, b) => a.y - b.y); // what stands lower is nearer
  stroke.reset();
  for (const one of all) press(stroke, stamp, placed(one, one.size, one.mirrored));
  studio.show();
}

/** @type {import("./tool.js").Tool} */
export const scatter = {
  id: "scatter",
  label: "Scatter",
  key: "z",
  hint: "Scatter stamps of different sizes along the stroke.",
  sized: true,
  stamps: true,
  down(studio, pen) {
    all = [];
    last = null;
    studio.begin();
    scatterAlong(studio, pen);
  },
  move: scatterAlong,
  up(studio) {
    all = [];
    studio.finish(`Scatter ${studio.stamp?.name ?? ""}`);
  },
};
