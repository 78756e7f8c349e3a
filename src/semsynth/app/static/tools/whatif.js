import { pixelAt } from "./tool.js";

/** @type {import("./tool.js").Tool} */
export const whatIf = {
  id: "what-if",
  label: "What if",
  key: "Shift+w",
  hint: "Click an area to see it as nine other classes, and take one.",
  down() {},
  up(studio, pen) {
    const at = pixelAt(studio, pen);
    if (at) studio.whatIf?.(at.x, at.y);
  },
};
