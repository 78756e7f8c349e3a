import { rectangle } from "../raster.js";
import { selecting } from "./select.js";

/** @type {import("./tool.js").Tool} */
export const selectRectangle = selecting(
  {
    id: "select-rectangle",
    label: "Select",
    key: "Shift+r",
    hint: "Drag a rectangle to select; drag what is selected to move it. Shift adds.",
  },
  (_studio, path, span) => {
    const [from] = path, to = path[path.length - 1];
    if (Math.hypot(to.x - from.x, to.y - from.y) > 1) rectangle(from, to, span);
  },
  (path) => {
    if (path.length < 2) return [];
    const [from] = path, to = path[path.length - 1];
    return [from, { x: to.x, y: from.y }, to, { x: from.x, y: to.y }];
  },
);
