import { polygon as fillPolygon } from "../raster.js";
import { outline } from "./tool.js";

/**
 * @typedef {import("./tool.js").Point} Point
 * @typedef {import("./tool.js").Studio} Studio
 */

/** How near to its first corner a click closes a polygon, and to its last one is none, in pixels of the drawing. */
const NEAR = 5, SAME = 2;
/** Milliseconds within which two clicks are a double one. */
const DOUBLE = 400;

/** @type {Point[]} */
let corners = [];
/** @type {Point | null} */
let tip = null;
/** When a click on the first corner closed one: the second click of a double click begins no other. */
let closed = -Infinity;

/**
 * @param {Studio} studio
 * @returns {boolean} whether there was a polygon
 */
function close(studio) {
  const points = corners;
  if (points.length < 3) {
    if (points.length) studio.told.emit("A polygon has three corners or more.");
    return points.length > 0;
  }
  corners = [];
  tip = null;
  const stroke = studio.begin();
  fillPolygon(points, (x0, x1, y) => stroke.paint(x0, x1, y, studio.classId));
  studio.finish("Polygon");
  return true;
}

/**
 * @param {Studio} studio
 * @returns {boolean} whether there was a corner to take back
 */
function back(studio) {
  if (!corners.pop()) return false;
  studio.changed.emit();
  return true;
}

/** @param {Point} a @param {Point | undefined} b */
const apart = (a, b) => (b ? Math.hypot(a.x - b.x, a.y - b.y) : Infinity);

/** @type {import("./tool.js").Tool} */
export const polygon = {
  id: "polygon",
  label: "Polygon",
  key: "p",
  hint: "Click the corners; Enter, a double click or the first corner closes. Ctrl+Z takes a corner back.",
  down(studio, pen) {
    if (corners.length > 2 && apart(pen, corners[0]) <= NEAR) {
      closed = performance.now();
      close(studio);
      return;
    }
    if (performance.now() - closed < DOUBLE) return;
    if (apart(pen, corners.at(-1)) > SAME) corners.push(pen);
    tip = pen;
    studio.changed.emit();
  },
  hover(_studio, pen) {
    tip = pen;
  },
  cancel() {
    corners = [];
    tip = null;
  },
  press(studio, key) {
    if (!corners.length) return false;
    if (key === "c") return close(studio);
    return key === "Backspace" && back(studio);
  },
  close,
  back,
  preview(g, toScreen) {
    if (!corners.length) return;
    outline(g, [...corners, ...(tip ? [tip] : [])].map(toScreen), false);
    const first = toScreen(corners[0]);
    g.beginPath();
    g.arc(first.x, first.y, 5, 0, 7);
    g.fillStyle = "#fff";
    g.fill();
    g.strokeStyle = "#000";
    g.stroke();
  },
};
