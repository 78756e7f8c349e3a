import { rectangle as fillRectangle } from "../raster.js";
import { shape, square } from "./shape.js";

/** @type {import("./tool.js").Tool} */
export const rectangle = shape(
  { id: "rectangle", label: "Rectangle", key: "r", hint: "Pull a rectangle. Shift makes it square." },
  (_studio, from, to, span) => fillRectangle(from, to, span),
  square,
);
