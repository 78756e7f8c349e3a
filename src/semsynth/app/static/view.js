import { Enlarged } from "./enlarged.js";
import { drawCursor, drawEdge, drawGrip, drawSelection, drawTitle } from "./marks.js";
import { gapOf, panesOf, roomFor } from "./panes.js";
import { preference, remember } from "./preferences.js";
import { Signal } from "./signal.js";
import { surface } from "./surface.js";

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./colours.js").Colours} Colours
 * @typedef {import("./tools/tool.js").Tool} Tool
 * @typedef {import("./panes.js").Pane} Pane
 */

/** @type {{id: string, label: string}[]} */
export const MODES = [
  { id: "side", label: "Side by side" },
  { id: "overlay", label: "Overlay" },
  { id: "wipe", label: "Wipe" },
  { id: "picture", label: "Picture" },
];

/** How much of the picture a new stroke hides until the next picture. */
const AHEAD = 0.7;

/** The canvas that shows the drawing and its picture, and where things are on it. */
export class View {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Studio} studio
   * @param {Colours} colours
   */
  constructor(canvas, studio, colours) {
    this.canvas = canvas;
    this.g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.studio = studio;
    this.colours = colours;
    const { width, height } = studio.drawing;
    this.map = surface(width, height);
    this.mark = surface(width, height);
    this.picture = new Enlarged();
    /** The drawing that the picture shows. @type {Uint8Array | null} */
    this.pictured = null;
    /** What was painted since, until the next picture shows it. */
    this.ahead = surface(width, height);
    /** Shown in the place of the map, to compare with. @type {CanvasImageSource | null} */
    this.reference = null;
    this.mode = /** @type {string} */ (preference("view", "side"));
    this.blend = 0.5;
    this.wipe = 0.5;
    /** Side by side, the map's share of the room. */
    this.split = /** @type {number} */ (preference("split", 0.5));
    this.zoom = 1;
    this.fitted = true;
    /** What lies in the middle of every pane, in pixels of the drawing. @type {Point} */
    this.middle = { x: width / 2, y: height / 2 };
    /** @type {Point | null} */
    this.cursor = null;
    this.keyboard = false;
    /** @type {Tool | null} */
    this.tool = null;
    this.found = -1;
    this.stale = { map: true, all: true };
    /** @type {Signal<void>} */
    this.zoomed = new Signal();
    /** The wipe's edge, or the gap between map and picture, has moved. @type {Signal<void>} */
    this.slid = new Signal();

    studio.changed.on(() => this.refresh(true));
    for (const signal of [studio.chosen, studio.selection.changed]) signal.on(() => this.refresh());
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** @param {boolean} [map] whether the drawing itself has changed */
  refresh(map = false) {
    if (map) this.reshape();
    this.stale.map ||= map;
    if (this.stale.all && !map) return;
    if (!this.stale.all) requestAnimationFrame(() => this.draw());
    this.stale.all = true;
  }

  /** Follow a drawing of another size; its picture is still to come. */
  reshape() {
    const { width, height } = this.studio.drawing, { canvas } = this.map;
    if (canvas.width === width && canvas.height === height) return;
    [this.map, this.mark, this.ahead] = [0, 0, 0].map(() => surface(width, height));
    this.picture.renew(null);
    this.pictured = null;
    this.fit();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (this.fitted) this.fit();
    this.stale.all = true;
    this.draw();
  }

  panes() {
    return panesOf(this);
  }

  /** Move the gap to a place on the canvas. @param {Point} p */
  moveGap(p) {
    const { clientWidth, clientHeight } = this.canvas;
    this.divide(gapOf(this).x > 0 ? p.x / clientWidth : p.y / clientHeight);
  }

  /** @param {number} share of the room that is the map's */
  divide(share) {
    this.split = Math.max(0.2, Math.min(0.8, share));
    remember("split", this.split);
    if (this.fitted) this.fit();
    this.slid.emit();
    this.refresh();
  }

  /** @param {Point} p on the canvas */
  paneAt(p) {
    return this.panes().find((q) => p.x >= q.x && p.x < q.x + q.w && p.y >= q.y && p.y < q.y + q.h) ?? this.panes()[0];
  }

  /**
   * @param {Point} p on the canvas
   * @param {Pane} pane
   * @returns {Point} on the drawing
   */
  toDrawing(p, pane) {
    return {
      x: (p.x - pane.x - pane.w / 2) / (this.zoom * pane.k) + this.middle.x,
      y: (p.y - pane.y - pane.h / 2) / (this.zoom * pane.k) + this.middle.y,
    };
  }

  /**
   * @param {Point} p on the drawing
   * @param {Pane} pane
   * @returns {Point} on the canvas
   */
  toCanvas(p, pane) {
    return {
      x: (p.x - this.middle.x) * this.zoom * pane.k + pane.x + pane.w / 2,
      y: (p.y - this.middle.y) * this.zoom * pane.k + pane.y + pane.h / 2,
    };
  }

  /** @param {string} mode */
  setMode(mode) {
    this.mode = mode;
    remember("view", mode);
    if (this.fitted) this.fit();
    this.refresh();
  }

  fit() {
    const { width, height } = this.studio.drawing;
    this.zoom = Math.max(...this.panes().map((pane) => roomFor(this.studio.drawing, pane.w, pane.h)));
    this.middle = { x: width / 2, y: height / 2 };
    this.fitted = true;
    this.zoomed.emit();
    this.refresh();
  }

  /**
   * Zoom, keeping a place where it is.
   * @param {number} factor
   * @param {Point} [at] on the canvas
   */
  zoomBy(factor, at) {
    const pane = at ? this.paneAt(at) : this.panes()[0];
    const place = at ?? { x: pane.x + pane.w / 2, y: pane.y + pane.h / 2 };
    const fixed = this.toDrawing(place, pane);
    this.zoom = Math.max(0.25, Math.min(64, this.zoom * factor));
    const now = this.toDrawing(place, pane);
    this.fitted = false;
    this.panBy((now.x - fixed.x) * this.zoom, (now.y - fixed.y) * this.zoom);
    this.zoomed.emit();
  }

  /**
   * @param {number} dx on the canvas
   * @param {number} dy
   */
  panBy(dx, dy) {
    const { width, height } = this.studio.drawing;
    this.middle = {
      x: Math.max(0, Math.min(width, this.middle.x - dx / this.zoom)),
      y: Math.max(0, Math.min(height, this.middle.y - dy / this.zoom)),
    };
    this.fitted = false;
    this.refresh();
  }

  /**
   * Make a class stand out; -1 ends it.
   * @param {number} id
   */
  find(id) {
    if (this.found === id) return;
    this.found = id;
    this.refresh(true);
  }

  /** @param {number} share of the canvas that lies left of the wipe's edge */
  moveEdge(share) {
    this.wipe = Math.max(0, Math.min(1, share));
    this.slid.emit();
    this.refresh();
  }

  /** The place of the wipe's edge on the canvas, or -1. */
  get edge() {
    return this.mode === "wipe" ? this.wipe * this.canvas.clientWidth : -1;
  }

  draw() {
    this.stale.all = false;
    if (this.stale.map) this.drawMap();
    const g = this.g, ratio = window.devicePixelRatio || 1;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    for (const pane of this.panes()) {
      g.save();
      g.beginPath();
      g.rect(pane.x, pane.y, pane.w, pane.h);
      g.clip();
      this.drawPane(pane);
      drawSelection(this, pane);
      drawCursor(this, pane);
      drawTitle(this, pane);
      g.restore();
    }
    if (this.mode === "side") drawGrip(this);
  }

  drawMap() {
    this.stale.map = false;
    const { drawing } = this.studio;
    this.colours.draw(drawing.ids, drawing.width, this.map.pixels);
    this.map.show();
    if (this.found >= 0) this.mark.fill((i) => (drawing.ids[i] === this.found ? 0 : 0xc0000000));
  }

  /** @param {Pane} pane */
  drawPane(pane) {
    const { g } = this, right = this.picture.image, left = this.reference ?? this.map.canvas;
    if (pane.shows !== "picture") this.put(left, pane);
    else if (right) this.putPicture(right, pane);
    if (pane.shows === "overlay" && right) {
      g.globalAlpha = 1 - this.blend;
      this.put(right, pane);
      g.globalAlpha = 1;
    }
    if (pane.shows === "wipe" && right) {
      g.save();
      g.beginPath();
      g.rect(this.edge, pane.y, pane.w, pane.h);
      g.clip();
      this.putPicture(right, pane);
      g.restore();
      drawEdge(this, pane);
    }
    if (this.found >= 0) this.put(this.mark.canvas, pane);
  }

  /**
   * The picture, and on it in the colours of the map what it does not show yet.
   * @param {CanvasImageSource} picture
   * @param {Pane} pane
   */
  putPicture(picture, pane) {
    this.put(picture, pane);
    if (!this.pictured) return;
    const { ids } = this.studio.drawing, { pictured, map } = this;
    if (!this.ahead.fill((i) => (ids[i] === pictured[i] ? 0 : map.pixels[i]))) return;
    this.g.globalAlpha = AHEAD;
    this.put(this.ahead.canvas, pane);
    this.g.globalAlpha = 1;
  }

  /**
   * An image as large as the drawing; one of another shape keeps it.
   * @param {CanvasImageSource} image
   * @param {Pane} pane
   */
  put(image, pane) {
    const { drawing } = this.studio, { width, height } = /** @type {ImageBitmap} */ (image);
    const scale = this.zoom * pane.k * Math.min(drawing.width / width, drawing.height / height);
    const corner = this.toCanvas({ x: 0, y: 0 }, pane);
    const place = /** @type {const} */ ([corner.x, corner.y, width * scale, height * scale]);
    if (image === this.picture.image) return this.picture.draw(this.g, ...place);
    this.g.imageSmoothingEnabled = image === this.reference;
    this.g.imageSmoothingQuality = "high";
    this.g.drawImage(image, ...place);
  }
}
