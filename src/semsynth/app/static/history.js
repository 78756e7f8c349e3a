/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./drawing.js").Drawing} Drawing
 * @typedef {import("./drawing.js").Stack} Stack
 * @typedef {import("./types.js").Scene} Scene
 *
 * @typedef {{kind: "pixels", label: string, layer: number, rect: Rect, before: Uint8Array, after: Uint8Array}} PixelStep
 * @typedef {Stack & {scene: Scene | null}} Whole
 * @typedef {{kind: "stack", label: string, before: Whole, after: Whole}} StackStep
 * @typedef {PixelStep | StackStep} Step
 */

/** How many steps can be taken back. */
export const DEPTH = 200;

/** The steps that made the drawing, to be taken back and done again. */
export class History {
  /** @param {Drawing} drawing */
  constructor(drawing) {
    this.drawing = drawing;
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
    /** Set by whoever has more to a drawing than its layers. @type {{take: () => Scene, put: (scene: Scene, from: Scene | null) => void} | null} */
    this.scene = null;
  }

  /** @param {Step} step */
  push(step) {
    this.done.push(step);
    if (this.done.length > DEPTH) this.done.shift();
    this.undone.length = 0;
  }

  /**
   * Do something to the layers as a whole, as one step.
   * @param {string} label
   * @param {() => void} action
   * @param {boolean} all whether the step is about the scene as well
   */
  record(label, action, all) {
    const state = () => ({ ...this.drawing.copy(), scene: (all && this.scene?.take()) || null });
    const before = state();
    action();
    this.push({ kind: "stack", label, before, after: state() });
  }

  /** @returns {string | null} what was taken back */
  undo() {
    const step = this.done.pop();
    if (!step) return null;
    this.undone.push(step);
    this.apply(step, step.before, step.after);
    return step.label;
  }

  /** @returns {string | null} what was done again */
  redo() {
    const step = this.undone.pop();
    if (!step) return null;
    this.done.push(step);
    this.apply(step, step.after, step.before);
    return step.label;
  }

  /**
   * @param {Step} step
   * @param {Uint8Array | Whole} state
   * @param {Uint8Array | Whole} from the step's other end
   */
  apply(step, state, from) {
    if (step.kind === "stack") {
      const whole = /** @type {Whole} */ (state);
      this.drawing.restore(whole);
      if (whole.scene) this.scene?.put(whole.scene, /** @type {Whole} */ (from).scene);
      return;
    }
    writeRect(this.drawing.layers[step.layer].ids, this.drawing.width, step.rect, /** @type {Uint8Array} */ (state));
    this.drawing.active = step.layer;
    this.drawing.compose(step.rect);
  }
}

/**
 * Copy the pixels of a rectangle.
 * @param {Uint8Array} ids
 * @param {number} width
 * @param {Rect} rect
 */
export function readRect(ids, width, rect) {
  const columns = rect.x1 - rect.x0;
  const part = new Uint8Array(columns * (rect.y1 - rect.y0));
  for (let y = rect.y0; y < rect.y1; y++) {
    part.set(ids.subarray(y * width + rect.x0, y * width + rect.x1), (y - rect.y0) * columns);
  }
  return part;
}

/**
 * Put the pixels of a rectangle back.
 * @param {Uint8Array} ids
 * @param {number} width
 * @param {Rect} rect
 * @param {Uint8Array} part
 */
export function writeRect(ids, width, rect, part) {
  const columns = rect.x1 - rect.x0;
  for (let y = rect.y0; y < rect.y1; y++) {
    ids.set(part.subarray((y - rect.y0) * columns, (y - rect.y0 + 1) * columns), y * width + rect.x0);
  }
}
