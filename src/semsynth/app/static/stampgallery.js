import { dialog } from "./dom.js";
import { preference, remember } from "./preferences.js";
import { stampsOf } from "./stamps.js";
import { pick } from "./tiles.js";
import { outlinesOf } from "./vector.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./colours.js").Colours} Colours
 * @typedef {import("./tools/stamp.js").Shape} Shape
 * @typedef {import("./tools/tool.js").Tool} Tool
 */

const SIDE = 96;

/** The stamps that the classes allow, and the chosen one. */
export class StampGallery {
  /**
   * @param {Studio} studio
   * @param {Colours} colours
   */
  constructor(studio, colours) {
    this.studio = studio;
    this.colours = colours;
    this.chip = /** @type {HTMLElement} */ (document.getElementById("stamp-chip"));
    /** @type {Shape[]} */
    this.stamps = stampsOf(studio.classes).map(({ name, parts }) => ({
      name,
      parts: parts.map(({ id, path }) => ({ id, outlines: outlinesOf(path) })),
    }));
    document.getElementById("stamps")?.append(...this.stamps.map((stamp) => this.tile(stamp)));
    this.chip.addEventListener("click", () => dialog("stamps").showModal());
    this.choose(this.stamps.find(({ name }) => name === preference("stamp", "")) ?? this.stamps[0] ?? null);
  }

  /** @param {Tool} tool the chosen one */
  follow(tool) {
    this.chip.hidden = !tool.stamps;
  }

  /** @param {Shape | null} stamp */
  choose(stamp) {
    this.studio.stamp = stamp;
    if (!stamp) return;
    remember("stamp", stamp.name);
    const picture = this.picture(stamp, 24);
    this.chip.replaceChildren(picture, stamp.name);
    this.chip.setAttribute("aria-label", `Stamp: ${stamp.name}. Choose another one`);
  }

  /** @param {Shape} stamp */
  tile(stamp) {
    return pick(this.picture(stamp, SIDE), stamp.name, () => {
      this.choose(stamp);
      dialog("stamps").close();
    });
  }

  /**
   * A stamp in the colours of its classes.
   * @param {Shape} stamp
   * @param {number} side
   */
  picture({ parts }, side) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const points = parts.flatMap(({ outlines }) => outlines.flat());
    const xs = points.map((p) => p.x), ys = points.map((p) => p.y);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const scale = (0.8 * side) / Math.max(x1 - x0, y1 - y0), half = side / 2;
    g.setTransform(scale, 0, 0, scale, half - ((x0 + x1) / 2) * scale, half - ((y0 + y1) / 2) * scale);
    for (const { id, outlines } of parts) {
      const path = new Path2D();
      for (const outline of outlines) {
        outline.forEach(({ x, y }, i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
        path.closePath();
      }
      g.fillStyle = this.colours.css(id);
      g.fill(path);
    }
    return canvas;
  }
}
