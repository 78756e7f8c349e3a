import { capsule } from "../raster.js";
import { shape } from "./shape.js";

/** @type {import("./tool.js").Tool} */
export const line = shape(
  { id: "line", label: "Line", key: "l", hint: "Pull a line as thick as the brush. Shift keeps it straight.", sized: true },
  (studio, from, to, span) => capsule(from, to, studio.size / 2, studio.size / 2, span),
  (from, to) => {
    const step = Math.PI / 4;
    const angle = Math.round(Math.atan2(to.y - from.y, to.x - from.x) / step) * step;
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    return { x: from.x + length * Math.cos(angle), y: from.y + length * Math.sin(angle) };
  },
);
