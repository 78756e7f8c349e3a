import { roundBrush } from "./brush.js";

/** @type {import("./tool.js").Tool} */
export const eraser = roundBrush(
  { id: "eraser", label: "Eraser", key: "e", hint: "Erase down to the background, or to the layer below." },
  (studio) => studio.drawing.nothing,
);
