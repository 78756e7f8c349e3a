import { pixelAt } from "./tool.js";

/** @type {import("./tool.js").Tool} */
export const everywhere = {
  id: "everywhere",
  label: "Replace class",
  key: "a",
  hint: "Click a class: all of it becomes the chosen one.",
  down(studio, pen) {
    const at = pixelAt(studio, pen);
    if (!at) return;
    const stroke = studio.begin();
    stroke.mirrored = false; // it goes by the classes
    const wanted = stroke.seen[at.index];
    const { width, height } = studio.drawing;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (stroke.seen[y * width + x] === wanted) stroke.paint(x, x + 1, y, studio.classId);
      }
    }
    studio.finish(`Replace ${studio.nameOf(wanted)}`);
  },
};
