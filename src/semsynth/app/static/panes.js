// Where label map and picture are on the canvas: one pane, or two with a gap between them.

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./view.js").View} View
 * @typedef {{x: number, y: number, w: number, h: number, shows: "map" | "picture" | "overlay" | "wipe", k: number}} Pane
 *   k: how much smaller the drawing is here than in the larger pane
 */

export const GAP = 14;
const ASIDE = 8, ABOVE = 24;

/**
 * How large the drawing can be in a room.
 * @param {{width: number, height: number}} drawing
 * @param {number} w
 * @param {number} h
 */
export function roomFor({ width, height }, w, h) {
  return Math.max(0.05, Math.min((w - 2 * ASIDE) / width, (h - 2 * ABOVE) / height));
}

/**
 * Where the gap begins: between panes beside each other or one above the other, whichever is larger.
 * @param {View} view
 * @returns {Point} of which one is 0
 */
export function gapOf({ canvas, studio, split }) {
  const w = canvas.clientWidth, h = canvas.clientHeight;
  const beside = roomFor(studio.drawing, (w - GAP) / 2, h) >= roomFor(studio.drawing, w, (h - GAP) / 2);
  return beside ? { x: (w - GAP) * split, y: 0 } : { x: 0, y: (h - GAP) * split };
}

/**
 * Whether a place on the canvas is in the gap.
 * @param {View} view
 * @param {Point} p
 */
export function inGap(view, p) {
  const { x, y } = gapOf(view);
  return view.mode === "side" && (x > 0 ? p.x >= x && p.x < x + GAP : p.y >= y && p.y < y + GAP);
}

/**
 * @param {View} view
 * @returns {Pane[]}
 */
export function panesOf(view) {
  const w = view.canvas.clientWidth, h = view.canvas.clientHeight;
  if (view.mode !== "side") return [{ x: 0, y: 0, w, h, shows: /** @type {Pane["shows"]} */ (view.mode), k: 1 }];
  const { x, y } = gapOf(view);
  const places = x > 0
    ? [{ x: 0, y: 0, w: x, h }, { x: x + GAP, y: 0, w: w - x - GAP, h }]
    : [{ x: 0, y: 0, w, h: y }, { x: 0, y: y + GAP, w, h: h - y - GAP }];
  const rooms = places.map((place) => roomFor(view.studio.drawing, place.w, place.h));
  return places.map((place, i) => ({ ...place, shows: i ? "picture" : "map", k: rooms[i] / Math.max(...rooms) }));
}
