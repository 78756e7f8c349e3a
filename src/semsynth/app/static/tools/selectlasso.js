import { polygon } from "../raster.js";
import { selecting } from "./select.js";

/** @type {import("./tool.js").Tool} */
export const selectLasso = selecting(
  {
    id: "select-lasso",
    label: "Lasso select",
    key: "Shift+s",
    hint: "Draw around what to select; drag what is selected to move it. Shift adds.",
  },
  (_studio, path, span) => path.length > 2 && polygon(path, span),
  (path) => path,
);
