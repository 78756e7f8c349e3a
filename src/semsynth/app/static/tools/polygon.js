import { polygon as fillPolygon } from "../raster.js";
import { outline } from "./tool.js";

/**
 * @typedef {import("./tool.js").Point} Point
 * @typedef {import("./tool.js").Studio} Studio
 */

/** How near to its first corner a click closes a polygon, in pixels of the drawing. */
const NEAR = 5;

/** @type {Point[]} */
let corners = [];
/** @type {Point | null} */
let tip = null;

/** @param {Studio} studio */
function close(studio) {
  const points = corners;
  corners = [];
  tip = null;
  if (points.length < 3) return;
  const stroke = studio.begin();
  fillPolygon(points, (x0, x1, y) => stroke.paint(x0, x1, y, studio.classId));
  studio.finish("Polygon");
}

/** @type {import("./tool.js").Tool} */
export const polygon = {
  id: "polygon",
  label: "Polygon",
  key: "p",
  hint: "Click the corners; click the first one again, or press C, to close.",
  down(studio, pen) {
    const first = corners[0];
    if (corners.length > 2 && Math.hypot(first.x - pen.x, first.y - pen.y) <= NEAR) {
      close(studio);
      return;
    }
    corners.push(pen);
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
    if (key === "c") close(studio);
    else if (key === "Backspace") corners.pop();
    else return false;
    studio.changed.emit();
    return true;
  },
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
