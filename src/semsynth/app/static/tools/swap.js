import { pixelAt } from "./tool.js";

/** @type {import("./tool.js").Tool} */
export const swap = {
  id: "swap",
  label: "Swap classes",
  key: "x",
  hint: "Click a class: it and the chosen one change places.",
  down(studio, pen) {
    const at = pixelAt(studio, pen);
    if (!at) return;
    const stroke = studio.begin();
    stroke.mirrored = false; // it goes by the classes
    const other = stroke.seen[at.index];
    const { width, height } = studio.drawing;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const id = stroke.seen[y * width + x];
        if (id === other) stroke.paint(x, x + 1, y, studio.classId);
        else if (id === studio.classId) stroke.paint(x, x + 1, y, other);
      }
    }
    studio.finish(`Swap ${studio.nameOf(other)}`);
  },
};
