// All tools, in the order of the tool bar.

import { brush } from "./brush.js";
import { ellipse } from "./ellipse.js";
import { eraser } from "./eraser.js";
import { everywhere } from "./everywhere.js";
import { eyedropper } from "./eyedropper.js";
import { fill } from "./fill.js";
import { hand } from "./hand.js";
import { lasso } from "./lasso.js";
import { line } from "./line.js";
import { polygon } from "./polygon.js";
import { rectangle } from "./rectangle.js";
import { repaint } from "./repaint.js";
import { rough } from "./rough.js";
import { scatter } from "./scatter.js";
import { selectClass } from "./selectclass.js";
import { selectLasso } from "./selectlasso.js";
import { selectRectangle } from "./selectrectangle.js";
import { stamp } from "./stamp.js";
import { swap } from "./swap.js";
import { whatIf } from "./whatif.js";

/** @type {import("./tool.js").Tool[]} */
export const TOOLS = [
  brush, rough, eraser, fill, line, rectangle, ellipse, polygon, lasso, stamp, scatter,
  selectRectangle, selectLasso, selectClass, everywhere, swap, whatIf, repaint, eyedropper, hand,
];

/** Those that the model can be used with. @param {import("../types.js").Model} model */
export function toolsFor({ capabilities }) {
  return TOOLS.filter(({ needs }) => !needs || capabilities.includes(needs));
}

export { brush, eyedropper, hand, stamp };
