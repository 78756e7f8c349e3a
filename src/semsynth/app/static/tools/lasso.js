import { polygon } from "../raster.js";
import { outline } from "./tool.js";

/** @type {import("./tool.js").Point[]} */
let path = [];

/** @type {import("./tool.js").Tool} */
export const lasso = {
  id: "lasso",
  label: "Lasso",
  key: "s",
  hint: "Draw around an area to fill it.",
  down(_studio, pen) {
    path = [pen];
  },
  move(studio, pen) {
    path.push(pen);
    studio.changed.emit();
  },
  up(studio) {
    const points = path;
    path = [];
    if (points.length < 3) return;
    const stroke = studio.begin();
    polygon(points, (x0, x1, y) => stroke.paint(x0, x1, y, studio.classId));
    studio.finish("Lasso");
  },
  cancel() {
    path = [];
  },
  preview(g, toScreen) {
    if (path.length > 1) outline(g, path.map(toScreen), true);
  },
};
