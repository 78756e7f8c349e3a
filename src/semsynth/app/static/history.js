/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./drawing.js").Drawing} Drawing
 * @typedef {import("./drawing.js").Stack} Stack
 * @typedef {import("./types.js").Scene} Scene
 *
 * @typedef {{kind: "pixels", label: string, layer: number, rect: Rect, before: Uint8Array, after: Uint8Array}} PixelStep
 * @typedef {Stack & {scene: Scene | null}} Whole
 * @typedef {{kind: "stack", label: string, before: Whole, after: Whole}} StackStep
 * @typedef {{kind: "scene", label: string, before: Scene, after: Scene, when: number}} SceneStep
 * @typedef {PixelStep | StackStep | SceneStep} Step
 * @typedef {{done: Step[], undone: Step[]}} Steps
 */

/** How many steps can be taken back. */
export const DEPTH = 200;
/** Within how many milliseconds two movements of a slider are one step. */
const ONE_MOVEMENT = 1500;

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

  /**
   * Change what lies beside the layers, as one step.
   * @param {string} label
   * @param {() => void} action
   * @param {boolean} slides whether it continues the last step where that has the same label and was just made
   */
  adjust(label, action, slides) {
    const scene = this.scene, when = Date.now(), last = this.done.at(-1);
    if (!scene) return action();
    const before = scene.take();
    action();
    const after = scene.take();
    if (sameScene(before, after)) return;
    const same = slides && last?.kind === "scene" && last.label === label && !this.undone.length;
    if (same && when - last.when < ONE_MOVEMENT) Object.assign(last, { after, when });
    else this.push({ kind: "scene", label, before, after, when });
  }

  /**
   * The newest steps that fit into some memory, to be kept by the browser.
   * @param {number} bytes
   * @returns {Steps}
   */
  recent(bytes) {
    /** @type {Set<object>} */
    const counted = new Set();
    const newest = (/** @type {Step[]} */ steps) => {
      let first = steps.length;
      while (first > 0 && (bytes -= sizeOf(steps[first - 1], counted)) >= 0) first--;
      return steps.slice(first);
    };
    return { done: newest(this.done), undone: newest(this.undone) };
  }

  /** @param {Steps} steps those of a drawing that was kept */
  resume({ done, undone }) {
    this.done = done;
    this.undone = undone;
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
   * @param {Uint8Array | Whole | Scene} state
   * @param {Uint8Array | Whole | Scene} from the step's other end
   */
  apply(step, state, from) {
    if (step.kind === "scene") {
      this.scene?.put(/** @type {Scene} */ (state), /** @type {Scene} */ (from));
      return;
    }
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
 * @param {Scene} a
 * @param {Scene} b
 */
function sameScene(a, b) {
  const [before, after] = [a, b].map(({ style, own }) => JSON.stringify([style, own.length]));
  return before === after && a.photo === b.photo && a.document === b.document;
}

/**
 * The memory that something holds, in bytes; what several things share is counted once.
 * @param {unknown} thing
 * @param {Set<object>} counted
 * @returns {number}
 */
function sizeOf(thing, counted) {
  if (typeof thing === "string") return 2 * thing.length;
  if (typeof thing !== "object" || thing === null) return 8;
  if (counted.has(thing)) return 0;
  counted.add(thing);
  if (thing instanceof Uint8Array) return thing.length;
  return Object.values(thing).reduce((sum, part) => sum + sizeOf(part, counted), 0);
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
