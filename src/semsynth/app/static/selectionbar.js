import { about } from "./affine.js";
import { button } from "./dom.js";
import { repaintSelection } from "./tools/repaint.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./tools/tool.js").Tool} Tool
 */

/** The share that a step scales by. */
const SCALE = 1.1;

/** What one can do with what is selected, and the buttons for it beside the tool's name. */
export class SelectionBar {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.bar = /** @type {HTMLElement} */ (document.getElementById("selection"));
    this.again = /** @type {HTMLElement} */ (document.getElementById("selection-repaint"));
    /** @type {Tool | null} */
    this.tool = null;
    button("selection-repaint", () => repaintSelection(studio));
    button("selection-copy", () => studio.selection.duplicate());
    button("selection-mirror", () => this.mirror());
    button("selection-flip", () => this.flip());
    button("selection-turn", () => this.turn(90));
    button("selection-delete", () => studio.selection.remove());
    button("selection-end", () => studio.selection.set(null));
    studio.selection.changed.on(() => this.show());
  }

  /** @param {Tool} tool the chosen one */
  follow(tool) {
    this.tool = tool;
    this.show();
  }

  show() {
    this.again.hidden = !this.studio.photo?.photo;
    this.bar.hidden = !this.tool?.selects || !this.studio.selection.mask;
  }

  mirror() {
    this.studio.selection.transform("Mirror", (centre) => about(centre, -1, 1, 0));
  }

  flip() {
    this.studio.selection.transform("Turn upside down", (centre) => about(centre, 1, -1, 0));
  }

  /** @param {number} degrees clockwise */
  turn(degrees) {
    this.studio.selection.transform("Turn", (centre) => about(centre, 1, 1, (degrees * Math.PI) / 180));
  }

  /** @param {number} steps */
  scale(steps) {
    const share = SCALE ** steps;
    this.studio.selection.transform("Scale", (centre) => about(centre, share, share, 0));
  }
}
