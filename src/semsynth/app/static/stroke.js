import { readRect, writeRect } from "./history.js";

/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./drawing.js").Drawing} Drawing
 * @typedef {import("./history.js").PixelStep} PixelStep
 */

/** One stroke while it is being made: it paints at once, can be taken back, and becomes one step of the history. */
export class Stroke {
  /**
   * @param {Drawing} drawing
   * @param {Uint8Array} locked 1 for every class that must not be painted over
   */
  constructor(drawing, locked) {
    this.drawing = drawing;
    this.index = drawing.active;
    this.ids = drawing.layer.ids;
    this.before = this.ids.slice();
    /** What one saw when the stroke began; locks and fills go by it. */
    this.seen = drawing.ids.slice();
    this.locked = locked;
    /** Where it may paint, 1 each; null for everywhere. @type {Uint8Array | null} */
    this.within = null;
    /** Whether what it paints on one side comes on the other side, too. */
    this.mirrored = false;
    /** @type {Rect | null} */
    this.dirty = null;
  }

  /**
   * Paint a row of pixels, as far as they lie on the drawing and are not locked.
   * @param {number} x0
   * @param {number} x1
   * @param {number} y
   * @param {number} id
   */
  paint(x0, x1, y, id) {
    const { width } = this.drawing;
    this.row(x0, x1, y, id);
    if (this.mirrored) this.row(width - x1, width - x0, y, id);
  }

  /**
   * @param {number} x0
   * @param {number} x1
   * @param {number} y
   * @param {number} id
   */
  row(x0, x1, y, id) {
    const { within, drawing: { width, height } } = this;
    if (y < 0 || y >= height) return;
    x0 = Math.max(0, x0);
    x1 = Math.min(width, x1);
    if (x0 >= x1) return;
    for (let i = y * width + x0, end = y * width + x1; i < end; i++) {
      if (!this.locked[this.seen[i]] && (!within || within[i])) this.ids[i] = id;
    }
    const d = this.dirty;
    this.dirty = d
      ? { x0: Math.min(d.x0, x0), y0: Math.min(d.y0, y), x1: Math.max(d.x1, x1), y1: Math.max(d.y1, y + 1) }
      : { x0, y0: y, x1, y1: y + 1 };
  }

  /** Show what was painted so far. */
  show() {
    if (this.dirty) this.drawing.compose(this.dirty);
  }

  /** Take everything back, to draw a shape anew. */
  reset() {
    if (!this.dirty) return;
    writeRect(this.ids, this.drawing.width, this.dirty, readRect(this.before, this.drawing.width, this.dirty));
    this.drawing.compose(this.dirty);
    this.dirty = null;
  }

  /**
   * Make a step of it, unless nothing has changed.
   * @param {string} label
   * @returns {PixelStep | null}
   */
  finish(label) {
    const rect = this.dirty;
    if (!rect) return null;
    const before = readRect(this.before, this.drawing.width, rect);
    const after = readRect(this.ids, this.drawing.width, rect);
    if (before.every((id, i) => id === after[i])) return null;
    return { kind: "pixels", label, layer: this.index, rect, before, after };
  }
}
