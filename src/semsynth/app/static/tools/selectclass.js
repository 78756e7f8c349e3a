import { flood } from "../raster.js";
import { selecting } from "./select.js";
import { pixelAt } from "./tool.js";

/** @type {import("./tool.js").Tool} */
export const selectClass = selecting(
  {
    id: "select-class",
    label: "Select class",
    key: "Shift+a",
    hint: "Click an area of one class to select it; drag what is selected to move it. Shift adds.",
  },
  (studio, [pen], span) => {
    const at = pixelAt(studio, pen), { drawing } = studio;
    if (at) flood(drawing.ids, drawing.width, drawing.height, at.x, at.y, span);
  },
);
