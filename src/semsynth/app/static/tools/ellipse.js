import { ellipse as fillEllipse } from "../raster.js";
import { shape, square } from "./shape.js";

/** @type {import("./tool.js").Tool} */
export const ellipse = shape(
  { id: "ellipse", label: "Ellipse", key: "o", hint: "Pull an ellipse. Shift makes it a circle." },
  (_studio, from, to, span) => fillEllipse(from, to, span),
  square,
);
