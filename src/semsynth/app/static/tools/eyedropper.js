import { pixelAt } from "./tool.js";

/** @type {import("./tool.js").Tool} */
export const eyedropper = {
  id: "eyedropper",
  label: "Eyedropper",
  key: "i",
  hint: "Take the class under the pointer. Alt does so with any tool.",
  down(studio, pen) {
    const at = pixelAt(studio, pen);
    if (!at) return;
    studio.choose(studio.drawing.ids[at.index]);
    studio.told.emit(`Chose ${studio.nameOf(studio.classId)}`);
  },
  move(studio, pen) {
    eyedropper.down(studio, pen);
  },
};
