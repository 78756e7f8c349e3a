import { about, after, apply, cornersOf, IDENTITY, inverse, shift } from "./affine.js";
import { EMPTY } from "./drawing.js";
import { closed, eachMapped, edgesOf, rectOf } from "./masks.js";
import { Signal } from "./signal.js";

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./affine.js").Affine} Affine
 * @typedef {import("./history.js").Step} Step
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./tools/tool.js").Pen} Pen
 *
 * @typedef {"move" | "turn" | "corner" | "side"} Kind
 * @typedef {{kind: Kind, at: Point, index: number}} Handle at: on the drawing
 * @typedef {{layer: number, under: Uint8Array, ids: Uint8Array, maps: Map<Step | null, Affine>}} Lifted
 *   what was taken from a layer: the layer without it, the layer with it, and after which step of the history it was
 *   where, so that undo moves it back
 */

/** How near a handle the pen must be, and how far above the frame the one that turns is, in pixels of the screen. */
const NEAR = 11, ABOVE = 26;
/** Shorter sides of a frame have no handle in their middle. */
const SHORT = 64;
/** What is scaled keeps at least this share. */
const LEAST = 0.02;

/** What is selected: pixels, which can be moved, scaled, turned, mirrored and duplicated; each gesture is one step. */
export class Selection {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    /** The pixels as they were selected, 1 each; null where nothing is. @type {Uint8Array | null} */
    this.mask = null;
    /** @type {Rect} */
    this.rect = studio.drawing.whole;
    this.width = studio.drawing.width;
    /** Where they are now. */
    this.map = IDENTITY;
    /** @type {Lifted | null} */
    this.lifted = null;
    /** @type {{handle: Handle, start: Point, from: Affine} | null} */
    this.gesture = null;
    this.recording = false;
    /** The edges of the mask. @type {Path2D | null} */
    this.outline = null;
    /** @type {Signal<void>} */
    this.changed = new Signal();
    studio.stepped.on(() => this.follow());
  }

  /**
   * Select pixels, or no longer any.
   * @param {Uint8Array | null} mask
   * @param {boolean} [adds] to those that are selected
   */
  set(mask, adds = false) {
    const before = adds ? this.current() : null;
    if (mask && before) before.forEach((one, i) => (mask[i] |= one));
    const rect = mask && rectOf(mask, this.studio.drawing.width);
    this.lifted = this.gesture = null;
    this.mask = rect && mask;
    this.width = this.studio.drawing.width;
    this.rect = rect ?? this.studio.drawing.whole;
    this.map = IDENTITY;
    this.outline = null;
    this.changed.emit();
  }

  all() {
    this.set(new Uint8Array(this.studio.drawing.ids.length).fill(1));
  }

  /** The pixels that are selected, where they are now. @returns {Uint8Array | null} */
  current() {
    if (!this.mask || this.map === IDENTITY) return this.mask;
    const { drawing } = this.studio, mask = new Uint8Array(drawing.ids.length);
    eachMapped(this.mask, drawing, this.rect, this.map, (x, y) => (mask[y * drawing.width + x] = 1));
    return mask;
  }

  /** Where the edges run, on the drawing before it was moved. @returns {Path2D} */
  edges() {
    if (this.outline) return this.outline;
    const path = (this.outline = new Path2D());
    const lines = this.mask ? edgesOf(this.mask, this.studio.drawing) : [];
    for (let i = 0; i < lines.length; i += 4) {
      path.moveTo(lines[i], lines[i + 1]);
      path.lineTo(lines[i + 2], lines[i + 3]);
    }
    return path;
  }

  /**
   * What one can take hold of.
   * @param {number} scale pixels of the screen per pixel of the drawing
   * @returns {Handle[]}
   */
  handles(scale) {
    const corners = cornersOf(this.map, this.rect);
    const middle = (/** @type {number} */ i) => between(corners[i], corners[(i + 1) % 4]);
    const long = (/** @type {Handle} */ { index: i }) =>
      scale * Math.hypot(corners[i].x - corners[(i + 1) % 4].x, corners[i].y - corners[(i + 1) % 4].y) > SHORT;
    const centre = between(corners[0], corners[2]), top = middle(0);
    const out = Math.hypot(top.x - centre.x, top.y - centre.y) || 1, far = 1 + ABOVE / scale / out;
    const turn = { x: centre.x + far * (top.x - centre.x), y: centre.y + far * (top.y - centre.y) };
    return [
      { kind: "turn", at: turn, index: 0 },
      ...corners.map((at, index) => /** @type {Handle} */ ({ kind: "corner", at, index })),
      ...corners.map((_, index) => /** @type {Handle} */ ({ kind: "side", at: middle(index), index })).filter(long),
    ];
  }

  /**
   * Take hold of a handle, or of what is selected.
   * @param {Pen} pen
   * @returns {boolean} whether there was anything
   */
  grab(pen) {
    const back = this.mask && inverse(this.map);
    if (!this.mask || !back) return false;
    const [a, b, c] = cornersOf(this.map, this.rect), sides = [[a, b], [b, c]];
    const least = Math.min(...sides.map(([p, q]) => Math.hypot(p.x - q.x, p.y - q.y))) * pen.scale;
    const reach = Math.max(5, Math.min(NEAR, least / 3)); // so that something is left to pull it by
    const near = (/** @type {Handle} */ { at }) => Math.hypot(at.x - pen.x, at.y - pen.y) * pen.scale < reach;
    const { x, y } = apply(back, pen), { width, height } = this.studio.drawing;
    const u = Math.floor(x), v = Math.floor(y), on = u >= 0 && v >= 0 && u < width && v < height;
    const inside = !pen.shift && on && Boolean(this.mask[v * width + u]);
    /** @type {Handle | undefined} */
    const handle = this.handles(pen.scale).find(near) ?? (inside ? { kind: "move", at: pen, index: 0 } : undefined);
    if (!handle) return false;
    if (!this.editable()) return true;
    this.lift(false);
    this.gesture = { handle, start: pen, from: this.map };
    this.studio.begin(true);
    return true;
  }

  /** @param {Pen} pen */
  drag(pen) {
    if (!this.gesture) return;
    this.map = mapOf(this.gesture, this.rect, pen);
    this.paint(this.gesture.from);
  }

  drop() {
    const gesture = this.gesture;
    if (!gesture) return;
    this.gesture = null;
    if (this.map === gesture.from) this.studio.cancel();
    else this.finish({ move: "Move", turn: "Turn", corner: "Scale", side: "Scale" }[gesture.handle.kind]);
  }

  cancel() {
    if (this.gesture) this.map = this.gesture.from;
    this.gesture = null;
  }

  /**
   * Change where it is, as a step.
   * @param {string} label
   * @param {(centre: Point) => Affine} change
   * @param {boolean} [copies] whether what was selected stays, too
   */
  transform(label, change, copies = false) {
    if (!this.editable()) return;
    this.lift(copies);
    const from = this.map, corners = cornersOf(from, this.rect);
    this.studio.begin(true);
    this.map = after(change(between(corners[0], corners[2])), from);
    this.paint(from);
    this.finish(label);
  }

  /** Whether there is something to be changed, on a layer that may be; the reason against it is told. */
  editable() {
    const { told, drawing: { layer } } = this.studio;
    const why = !this.mask ? "Select something first." : layer.locked ? `${layer.name} is locked.` : "";
    if (why) told.emit(why);
    return !why;
  }

  duplicate() {
    this.transform("Duplicate", () => shift(8, 8), true);
  }

  /** Take away what is selected: what is around it takes its place, or the layer below. */
  remove() {
    if (!this.editable() || !this.mask) return;
    this.lift(false);
    const { studio, lifted, mask, rect, map } = this, { width } = studio.drawing, stroke = studio.begin(true);
    eachMapped(mask, studio.drawing, rect, map, (x, y) => stroke.paint(x, x + 1, y, lifted?.under[y * width + x] ?? 0));
    studio.finish("Delete");
    this.set(null);
  }

  /**
   * Take what is selected from its layer, unless it was taken before.
   * @param {boolean} copies whether it stays there, too
   */
  lift(copies) {
    const { drawing, history } = this.studio, mask = this.current();
    if (!mask || (this.lifted && !copies)) return;
    const outline = this.map === IDENTITY ? this.outline : null;
    this.set(mask);
    this.outline = outline;
    const ids = drawing.layer.ids.slice();
    const under = copies ? ids : drawing.active ? without(ids, mask) : closed(ids, mask, drawing, this.rect, drawing.background);
    this.lifted = { layer: drawing.active, under, ids, maps: new Map([[history.done.at(-1) ?? null, IDENTITY]]) };
  }

  /** Paint it where it is now. @param {Affine} from where it was before */
  paint(from) {
    const { studio, lifted, mask, rect } = this, { stroke, drawing } = studio;
    if (!stroke || !lifted || !mask) return;
    stroke.reset();
    eachMapped(mask, drawing, rect, from, (x, y) => stroke.paint(x, x + 1, y, lifted.under[y * drawing.width + x]));
    eachMapped(mask, drawing, rect, this.map, (x, y, i) => {
      if (lifted.ids[i] !== EMPTY) stroke.paint(x, x + 1, y, lifted.ids[i]);
    });
    studio.show();
    this.changed.emit();
  }

  /** @param {string} label */
  finish(label) {
    this.recording = true;
    this.studio.finish(label);
    this.recording = false;
    this.lifted?.maps.set(this.studio.history.done.at(-1) ?? null, this.map);
  }

  /** Steps were made, taken back or done again: it is where it was then, or is no longer held. */
  follow() {
    const { drawing, history } = this.studio;
    if (this.recording || !this.mask) return;
    if (this.mask.length !== drawing.ids.length || this.width !== drawing.width) return this.set(null);
    if (!this.lifted) return;
    const map = this.lifted.layer === drawing.active && this.lifted.maps.get(history.done.at(-1) ?? null);
    if (map) this.map = map;
    else this.set(this.current());
    this.changed.emit();
  }
}

/**
 * @param {Point} a
 * @param {Point} b
 */
function between(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/**
 * A layer that is not the background, without some pixels.
 * @param {Uint8Array} ids
 * @param {Uint8Array} mask
 */
function without(ids, mask) {
  return ids.map((id, i) => (mask[i] ? EMPTY : id));
}

/**
 * Where what is selected goes when a handle is pulled to a place. Shift turns by steps, and scales both sides apart.
 * @param {{handle: Handle, start: Point, from: Affine}} gesture
 * @param {Rect} rect
 * @param {Pen} pen
 * @returns {Affine}
 */
export function mapOf({ handle: { kind, index }, start, from }, rect, pen) {
  if (kind === "move") {
    const x = Math.round(pen.x - start.x), y = Math.round(pen.y - start.y);
    return x || y ? after(shift(x, y), from) : from;
  }
  const back = /** @type {Affine} */ (inverse(from)), corners = cornersOf(IDENTITY, rect);
  if (kind === "turn") {
    const centre = apply(from, between(corners[0], corners[2])), step = Math.PI / 12;
    const angle = Math.atan2(pen.y - centre.y, pen.x - centre.x) - Math.atan2(start.y - centre.y, start.x - centre.x);
    return after(about(centre, 1, 1, pen.shift ? Math.round(angle / step) * step : angle), from);
  }
  const to = apply(back, pen), fixed = corners[(index + 2) % 4], pulled = corners[index];
  const reach = { x: pulled.x - fixed.x, y: pulled.y - fixed.y };
  let sx = least((to.x - fixed.x) / reach.x), sy = least((to.y - fixed.y) / reach.y);
  if (kind === "side") {
    if (index % 2) sy = 1;
    else sx = 1;
  } else if (!pen.shift) {
    sx = sy = least(((to.x - fixed.x) * reach.x + (to.y - fixed.y) * reach.y) / (reach.x ** 2 + reach.y ** 2));
  }
  return after(from, about(fixed, sx, sy, 0));
}

/** @param {number} share */
function least(share) {
  return Math.abs(share) < LEAST ? LEAST : share;
}

