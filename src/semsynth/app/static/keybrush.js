import { shift } from "./affine.js";
import { hand } from "./tools/index.js";

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./input.js").Input} Input
 * @typedef {import("./tools/tool.js").Pen} Pen
 */

/** The brush that arrow keys move and Enter lowers; it starts where the pointer was. */
export class KeyBrush {
  /** @param {Input} input */
  constructor(input) {
    this.input = input;
    const { width, height } = input.studio.drawing;
    this.x = width / 2;
    this.y = height / 2;
    this.down = false;
  }

  /** @returns {Pen} */
  get pen() {
    return { x: this.x, y: this.y, pressure: 1, shift: false, scale: this.input.view.zoom };
  }

  /** @param {Point} p kept on the drawing */
  moveTo({ x, y }) {
    const { width, height } = this.input.studio.drawing;
    this.x = Math.max(0.5, Math.min(width - 0.5, x));
    this.y = Math.max(0.5, Math.min(height - 0.5, y));
  }

  /** @param {KeyboardEvent} e on the canvas */
  press(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const { studio, tool, view } = this.input;
    const step = e.shiftKey ? 1 : Math.max(4, Math.round(studio.size / 4));
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const way = ways[e.key];
    if (way && tool.selects && studio.selection.mask && !this.down) {
      const [x, y] = way.map((n) => Math.sign(n) * (e.shiftKey ? 1 : 4));
      studio.selection.transform("Move", () => shift(x, y));
      e.preventDefault();
      return;
    }
    if (way) {
      this.moveTo({ x: this.x + way[0], y: this.y + way[1] });
      if (this.down) tool.move?.(studio, this.pen);
      else tool.hover?.(studio, this.pen);
    } else if (e.key === "Enter") {
      const closed = !view.keyboard && tool.close?.(studio);
      if (!closed) this.toggle();
    } else {
      return;
    }
    e.preventDefault();
    view.keyboard = true;
    this.input.point(this.pen);
  }

  /** Lower the brush, or lift it. */
  toggle() {
    const { studio, tool } = this.input;
    if (tool === hand) return;
    if (this.down) {
      this.down = false;
      tool.up?.(studio, this.pen);
      studio.told.emit("Brush lifted");
      return;
    }
    tool.down(studio, this.pen);
    this.down = Boolean(tool.up);
    if (this.down) studio.told.emit("Brush down; arrows paint, Enter lifts it");
  }
}
