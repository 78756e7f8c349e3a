// Mouse, pen and touch on the canvas; the keyboard has a brush of its own.

import { KeyBrush } from "./keybrush.js";
import { gapOf, inGap } from "./panes.js";
import { eyedropper } from "./tools/index.js";

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./view.js").View} View
 * @typedef {import("./panes.js").Pane} Pane
 * @typedef {import("./tools/tool.js").Tool} Tool
 * @typedef {import("./tools/tool.js").Pen} Pen
 */

/** Once a pen has been seen, fingers and palms do not paint for this long (milliseconds). */
const PALM = 4000;

/** Turns what the user does on the canvas into calls of the chosen tool. */
export class Input {
  /**
   * @param {View} view
   * @param {Studio} studio
   * @param {Tool} tool
   */
  constructor(view, studio, tool) {
    this.view = view;
    this.studio = studio;
    this.tool = tool;
    /** The tool at work, and the pane it began in. @type {{tool: Tool, pane: Pane, id: number} | null} */
    this.active = null;
    /** @type {Map<number, Point>} */
    this.fingers = new Map();
    this.panning = -1;
    this.wiping = -1;
    this.dividing = -1;
    this.space = false;
    this.penSeen = -Infinity;
    this.keys = new KeyBrush(this);
    this.listen();
    this.choose(tool);
  }

  /** The cursor while nothing is pulled. */
  get resting() {
    return this.tool.pans || this.space ? "grab" : "none";
  }

  /** @param {Tool} tool */
  choose(tool) {
    this.cancel();
    this.tool = tool;
    this.view.tool = tool;
    this.view.canvas.style.cursor = this.resting;
    this.view.refresh();
  }

  cancel() {
    this.active = null;
    this.keys.down = false;
    this.studio.cancel();
    this.tool.cancel?.(this.studio);
    this.view.refresh();
  }

  /** Take back what is being done, or else the last step. */
  undo() {
    if (this.stop() || this.tool.back?.(this.studio)) this.view.refresh();
    else this.studio.undo();
  }

  redo() {
    if (!this.stop()) this.studio.redo();
  }

  /** End a stroke without a trace. @returns {boolean} whether there was one */
  stop() {
    const busy = this.active !== null || this.keys.down;
    if (busy) this.cancel();
    return busy;
  }

  listen() {
    const canvas = this.view.canvas;
    canvas.addEventListener("pointerdown", (e) => this.down(e));
    canvas.addEventListener("pointermove", (e) => this.move(e));
    canvas.addEventListener("pointerup", (e) => this.up(e));
    canvas.addEventListener("pointercancel", (e) => this.lost(e));
    canvas.addEventListener("pointerleave", () => {
      if (this.active) return;
      this.tool.leave?.();
      this.point(null);
    });
    canvas.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    canvas.addEventListener("contextmenu", (e) => e.preventDefault());
    canvas.addEventListener("dblclick", () => this.tool.close?.(this.studio));
    canvas.addEventListener("keydown", (e) => this.keys.press(e));
    document.addEventListener("keydown", (e) => this.hold(e, true));
    document.addEventListener("keyup", (e) => this.hold(e, false));
    canvas.addEventListener("blur", () => {
      if (this.keys.down) this.keys.toggle();
      this.view.keyboard = false;
      this.view.refresh();
    });
  }

  /** @param {PointerEvent} e */
  down(e) {
    const canvas = this.view.canvas;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(e.pointerId);
    e.preventDefault();
    if (e.pointerType === "pen") this.penSeen = e.timeStamp;
    if (e.pointerType === "touch") {
      this.fingers.set(e.pointerId, at(e));
      if (this.fingers.size > 1 || e.timeStamp - this.penSeen < PALM) {
        if (this.active?.id !== undefined && this.fingers.has(this.active.id)) this.cancel();
        return;
      }
    }
    const place = at(e);
    if (Math.abs(place.x - this.view.edge) < 16 && this.view.edge >= 0) {
      this.wiping = e.pointerId;
    } else if (inGap(this.view, place)) {
      this.dividing = e.pointerId;
    } else if (e.button === 1 || this.space || this.tool.pans) {
      this.panning = e.pointerId;
      canvas.style.cursor = "grabbing";
    } else if (!this.active && (e.button === 0 || e.button === 2)) {
      const tool = e.altKey || e.button === 2 ? eyedropper : this.tool;
      this.active = { tool, pane: this.view.paneAt(place), id: e.pointerId };
      tool.down(this.studio, this.pen(e, this.active.pane));
    }
    this.view.refresh();
  }

  /** @param {PointerEvent} e */
  move(e) {
    const place = at(e);
    const before = this.fingers.get(e.pointerId);
    if (before && (this.fingers.size > 1 || e.timeStamp - this.penSeen < PALM)) {
      this.pinch(e.pointerId, before, place);
      return;
    }
    if (before) this.fingers.set(e.pointerId, place);
    if (this.wiping === e.pointerId) {
      this.view.moveEdge(place.x / this.view.canvas.clientWidth);
    } else if (this.dividing === e.pointerId) {
      this.view.moveGap(place);
    } else if (this.panning === e.pointerId) {
      this.view.panBy(e.movementX, e.movementY);
    } else if (this.active?.id === e.pointerId) {
      const { tool, pane } = this.active;
      const events = e.getCoalescedEvents?.() ?? [];
      for (const part of events.length ? events : [e]) tool.move?.(this.studio, this.pen(part, pane));
    } else {
      this.tool.hover?.(this.studio, this.pen(e, this.view.paneAt(place)));
      const way = gapOf(this.view).x > 0 ? "col-resize" : "row-resize";
      this.view.canvas.style.cursor = inGap(this.view, place) ? way : this.resting;
    }
    this.view.keyboard = false;
    this.point(this.view.toDrawing(place, this.active?.pane ?? this.view.paneAt(place)));
    if (!this.keys.down && this.view.cursor) this.keys.moveTo(this.view.cursor);
  }

  /** @param {PointerEvent} e */
  up(e) {
    this.fingers.delete(e.pointerId);
    if (this.active?.id === e.pointerId) {
      const { tool, pane } = this.active;
      this.active = null;
      tool.up?.(this.studio, this.pen(e, pane));
    }
    this.release(e);
  }

  /** @param {PointerEvent} e */
  lost(e) {
    this.fingers.delete(e.pointerId);
    if (this.active?.id === e.pointerId) this.cancel();
    this.release(e);
  }

  /** @param {PointerEvent} e */
  release(e) {
    if (this.panning === e.pointerId) this.panning = -1;
    if (this.wiping === e.pointerId) this.wiping = -1;
    if (this.dividing === e.pointerId) this.dividing = -1;
    this.view.canvas.style.cursor = this.resting;
    this.view.refresh();
  }

  /**
   * One of two fingers has moved: the view follows both.
   * @param {number} id
   * @param {Point} before
   * @param {Point} now
   */
  pinch(id, before, now) {
    const other = [...this.fingers].find(([key]) => key !== id)?.[1];
    this.fingers.set(id, now);
    if (!other) {
      this.view.panBy(now.x - before.x, now.y - before.y);
      return;
    }
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const is = Math.hypot(now.x - other.x, now.y - other.y);
    this.view.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (was > 10) this.view.zoomBy(is / was, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }

  /** @param {WheelEvent} e */
  wheel(e) {
    e.preventDefault();
    const amount = (e.deltaY || e.deltaX) * (e.deltaMode ? 20 : 1);
    if (e.shiftKey || e.altKey) this.studio.resize(this.studio.size * Math.exp(-amount / 400) - Math.sign(amount) * 0.6);
    else this.view.zoomBy(Math.exp(-amount / 300), at(e));
    this.point(this.view.toDrawing(at(e), this.view.paneAt(at(e))));
  }

  /**
   * While Space is held over the canvas, the pointer moves the view.
   * @param {KeyboardEvent} e
   * @param {boolean} down
   */
  hold(e, down) {
    if (e.key !== " " || (down && document.activeElement !== this.view.canvas)) return;
    this.space = down;
    this.view.canvas.style.cursor = this.resting;
    if (down) e.preventDefault();
  }

  /** @param {Point | null} p on the drawing */
  point(p) {
    this.view.cursor = p ? { x: p.x, y: p.y } : null;
    this.pointed(p);
    this.view.refresh();
  }

  /**
   * Replaced by whoever wants to know where the pointer is.
   * @param {Point | null} _p
   */
  pointed(_p) {}

  /**
   * @param {PointerEvent} e
   * @param {Pane} pane
   * @returns {Pen}
   */
  pen(e, pane) {
    const pressure = e.pointerType === "pen" && e.pressure > 0 ? 0.25 + 0.75 * e.pressure : 1;
    return { ...this.view.toDrawing(at(e), pane), pressure, shift: e.shiftKey, scale: this.view.zoom * pane.k };
  }
}

/**
 * @param {MouseEvent} e
 * @returns {Point} on the canvas
 */
function at(e) {
  const box = /** @type {Element} */ (e.target).getBoundingClientRect?.();
  return { x: e.clientX - (box?.left ?? 0), y: e.clientY - (box?.top ?? 0) };
}
