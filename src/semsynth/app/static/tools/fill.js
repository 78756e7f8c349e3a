import { flood } from "../raster.js";
import { pixelAt } from "./tool.js";

/** @type {import("./tool.js").Tool} */
export const fill = {
  id: "fill",
  label: "Fill",
  key: "g",
  hint: "Fill the connected area of one class.",
  down(studio, pen) {
    const at = pixelAt(studio, pen);
    if (!at) return;
    const stroke = studio.begin();
    stroke.mirrored = false; // it goes by the classes
    const { width, height } = studio.drawing;
    flood(stroke.seen, width, height, at.x, at.y, (x0, x1, y) => stroke.paint(x0, x1, y, studio.classId));
    studio.finish("Fill");
  },
};
