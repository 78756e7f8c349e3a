import { Drawing } from "./drawing.js";
import { History } from "./history.js";
import { preference, remember } from "./preferences.js";
import { Selection } from "./selection.js";
import { Signal } from "./signal.js";
import { Stroke } from "./stroke.js";

/**
 * @typedef {import("./types.js").Model} Model
 * @typedef {import("./types.js").LabelClass} LabelClass
 */

/** No class may be painted over. */
const ALL = new Uint8Array(256).fill(1);

/** What the user works with: the drawing, its history, and what is chosen. */
export class Studio {
  /**
   * @param {Model} model
   * @param {LabelClass[]} classes
   * @param {number | null} voidId
   */
  constructor(model, classes, voidId) {
    this.model = model;
    this.classes = classes;
    this.voidId = voidId;
    this.background = backgroundOf(classes, voidId);
    this.drawing = new Drawing(model.width, model.height, this.background);
    this.history = new History(this.drawing);
    this.classId = firstOf(classes, this.background);
    this.sizeKey = `size.${model.width}`;
    this.size = /** @type {number} */ (preference(this.sizeKey, Math.ceil((model.width * 3) / 32)));
    this.locked = new Uint8Array(256);
    /** @type {Stroke | null} */
    this.stroke = null;
    /** What is edited, if it is a photograph. @type {import("./photo.js").PhotoEdit | null} */
    this.photo = null;

    /** Pixels have changed, maybe in the middle of a stroke. @type {Signal<void>} */
    this.changed = new Signal();
    /** A step was made, taken back or done again. @type {Signal<void>} */
    this.stepped = new Signal();
    /** Another class or size was chosen, or one was locked. @type {Signal<void>} */
    this.chosen = new Signal();
    /** Something worth telling. @type {Signal<string>} */
    this.told = new Signal();

    this.selection = new Selection(this);
    /** The stamp to paint with. @type {import("./tools/stamp.js").Shape | null} */
    this.stamp = null;
    /** Asks what an area could be, given one of its pixels. @type {((x: number, y: number) => void) | null} */
    this.whatIf = null;
    /** Whether strokes are painted on both sides. */
    this.mirrored = false;
  }

  /** The thickest brush, in pixels of the drawing. */
  get maxSize() {
    return Math.ceil(Math.max(this.drawing.width, this.drawing.height) / 2);
  }

  /** @param {number} id */
  nameOf(id) {
    return this.classes[id]?.name ?? `class ${id}`;
  }

  /** @param {number} id */
  choose(id) {
    if (!this.classes[id]) return;
    this.classId = id;
    this.chosen.emit();
  }

  /** @param {number} size */
  resize(size) {
    this.size = Math.max(1, Math.min(this.maxSize, Math.round(size)));
    remember(this.sizeKey, this.size);
    this.chosen.emit();
  }

  /** @param {number} id */
  toggleLock(id) {
    this.locked[id] = this.locked[id] ? 0 : 1;
    this.told.emit(`${this.nameOf(id)} ${this.locked[id] ? "locked" : "unlocked"}`);
    this.chosen.emit();
  }

  toggleMirror() {
    this.mirrored = !this.mirrored;
    this.told.emit(this.mirrored ? "Strokes are mirrored." : "Strokes are no longer mirrored.");
    this.chosen.emit();
  }

  /**
   * @param {boolean} [free] whether neither the selection nor the mirror matter
   * @returns {Stroke}
   */
  begin(free = false) {
    this.cancel();
    const { layer } = this.drawing;
    if (layer.locked) this.told.emit(`${layer.name} is locked; nothing can be painted on it.`);
    else if (!layer.visible) this.told.emit("This layer is hidden; show it to see what you paint.");
    const stroke = (this.stroke = new Stroke(this.drawing, layer.locked ? ALL : this.locked));
    stroke.within = free ? null : this.selection.current();
    stroke.mirrored = !free && this.mirrored;
    return stroke;
  }

  /** Show what the stroke has painted so far. */
  show() {
    this.stroke?.show();
    this.changed.emit();
  }

  /** @param {string} label */
  finish(label) {
    const stroke = this.stroke;
    if (!stroke) return;
    this.stroke = null;
    stroke.show();
    const step = stroke.finish(label);
    if (step) this.history.push(step);
    else if (stroke.dirty && stroke.within) this.told.emit("Only what is selected is painted. Escape ends the selection.");
    else if (stroke.dirty && this.photo?.photo) {
      this.told.emit(`There is ${this.nameOf(this.classId)} already. The tool Repaint (T) makes a new one of it.`);
    }
    this.changed.emit();
    this.stepped.emit();
  }

  cancel() {
    if (!this.stroke) return;
    this.stroke.reset();
    this.stroke = null;
    this.changed.emit();
  }

  /**
   * Do something to the layers as a whole, as one step.
   * @param {string} label
   * @param {() => void} action
   */
  record(label, action) {
    this.step(label, action, false);
  }

  /**
   * Put another drawing in the place of this one, as one step: photograph and style are taken back with it.
   * @param {string} label
   * @param {() => void} action
   */
  exchange(label, action) {
    this.selection.set(null);
    this.step(label, action, true);
  }

  /**
   * Change the picture's style or another setting beside the layers, as one step.
   * @param {string} label
   * @param {() => void} action
   * @param {boolean} [slides] whether it is one movement of a slider that makes many changes
   */
  adjust(label, action, slides = false) {
    this.history.adjust(label, action, slides);
    this.stepped.emit();
  }

  /**
   * @param {string} label
   * @param {() => void} action
   * @param {boolean} all
   */
  step(label, action, all) {
    this.cancel();
    this.history.record(label, action, all);
    this.changed.emit();
    this.stepped.emit();
  }

  undo() {
    this.cancel();
    this.report("Undone", this.history.undo());
  }

  redo() {
    this.cancel();
    this.report("Done again", this.history.redo());
  }

  /**
   * @param {string} what
   * @param {string | null} label
   */
  report(what, label) {
    this.told.emit(label === null ? "There are no more steps." : `${what}: ${label}`);
    if (label === null) return;
    this.changed.emit();
    this.stepped.emit();
  }
}

/**
 * The class one paints with at first: something that shows on the background.
 * @param {LabelClass[]} classes
 * @param {number} background
 * @returns {number}
 */
function firstOf(classes, background) {
  const preferred = ["mountain", "window", "car"].map((name) => classes.find((c) => c.name === name));
  return preferred.find((c) => c)?.id ?? background;
}

/**
 * The class that fills a new drawing.
 * @param {LabelClass[]} classes
 * @param {number | null} voidId
 * @returns {number}
 */
function backgroundOf(classes, voidId) {
  for (const name of ["sky", "background", "sky-other", "facade", "road"]) {
    const match = classes.find((c) => c.name === name);
    if (match) return match.id;
  }
  return classes.find((c) => c.id !== voidId)?.id ?? 0;
}
