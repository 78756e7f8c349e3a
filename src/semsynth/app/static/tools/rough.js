import { ragged } from "../raster.js";
import { roundBrush } from "./brush.js";

/** @type {import("./tool.js").Tool} */
export const rough = roundBrush(
  { id: "rough", label: "Rough brush", key: "w", hint: "Paint with a rough edge: leaves, shores, ridges." },
  (studio) => studio.classId,
  ragged,
);
