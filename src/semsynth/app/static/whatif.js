import { ask, FORMAT } from "./connection.js";
import { button, dialog } from "./dom.js";
import { adder } from "./masks.js";
import { flood } from "./raster.js";
import { candidate } from "./tiles.js";

/**
 * @typedef {import("./types.js").LabelClass} LabelClass
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./studio.js").Studio} Studio
 */

/** Pictures that are seen at a time. */
const GRID = 9;

/**
 * The classes to try in the place of one: one's favourites, those of the drawing, those of its group, all others.
 * @param {LabelClass[]} classes
 * @param {number} id the class that is there
 * @param {number | null} voidId
 * @param {Set<number>} favourites
 * @param {Uint32Array} areas of the classes in the drawing
 * @returns {LabelClass[]}
 */
export function tries(classes, id, voidId, favourites, areas) {
  const group = classes.find((c) => c.id === id)?.group;
  const rank = (/** @type {LabelClass} */ c) =>
    favourites.has(c.id) ? 0 : areas[c.id] ? 1 : c.group === group ? 2 : 3;
  const others = classes.filter((c) => c.id !== id && c.id !== voidId);
  return others.sort((a, b) => rank(a) - rank(b) || areas[b.id] - areas[a.id] || a.id - b.id);
}

/** The drawing as it would be if an area was of another class: nine pictures to choose from. */
export class WhatIf {
  /**
   * @param {Studio} studio
   * @param {Set<number>} favourites
   * @param {() => Settings} settings
   */
  constructor(studio, favourites, settings) {
    this.studio = studio;
    this.favourites = favourites;
    this.settings = settings;
    studio.whatIf = (x, y) => this.open(x, y);
    this.dialog = dialog("whatif");
    this.grid = /** @type {HTMLElement} */ (document.getElementById("whatif-grid"));
    this.title = /** @type {HTMLElement} */ (document.getElementById("whatif-title"));
    /** @type {LabelClass[]} */
    this.classes = [];
    this.first = 0;
    this.mask = new Uint8Array();
    /** Which pictures are wanted: those that were asked for before come for nobody. */
    this.asked = 0;
    button("whatif-more", () => this.turn());
    this.dialog.addEventListener("close", () => this.asked++);
  }

  /**
   * Ask about the area around a pixel.
   * @param {number} x
   * @param {number} y
   */
  open(x, y) {
    const { drawing: { ids, width, height }, classes, voidId } = this.studio, id = ids[y * width + x];
    this.mask = new Uint8Array(ids.length);
    flood(ids, width, height, x, y, adder(this.mask, this.studio.drawing));
    this.classes = tries(classes, id, voidId, this.favourites, this.studio.drawing.areas());
    this.title.textContent = `What if this ${this.studio.nameOf(id)} was ...`;
    this.first = -GRID;
    this.dialog.showModal();
    this.turn();
  }

  /** Show the next nine. */
  async turn() {
    this.first = this.first + GRID < this.classes.length ? this.first + GRID : 0;
    const shown = this.classes.slice(this.first, this.first + GRID), asked = ++this.asked;
    const { drawing: { ids, width, height }, told } = this.studio;
    const tiles = shown.map(({ name }) => candidate(name, name));
    this.grid.style.setProperty("--shape", String(width / height));
    this.grid.replaceChildren(...tiles);
    const jobs = shown.map(({ id }) => ({
      ids: ids.map((old, i) => (this.mask[i] ? id : old)),
      width, height, settings: this.settings(), format: FORMAT.jpeg,
    }));
    try {
      await ask(jobs, ({ bytes }, i) => {
        if (asked !== this.asked) return false;
        const image = /** @type {HTMLImageElement} */ (tiles[i].querySelector("img"));
        image.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
        image.onload = () => URL.revokeObjectURL(image.src);
        tiles[i].disabled = false;
        tiles[i].addEventListener("click", () => this.take(shown[i]));
        return true;
      });
    } catch (error) {
      told.emit(/** @type {Error} */ (error).message);
    }
  }

  /** @param {LabelClass} chosen */
  take({ id, name }) {
    this.dialog.close();
    const { studio, mask } = this, { width } = studio.drawing, stroke = studio.begin(true);
    mask.forEach((one, i) => one && stroke.paint(i % width, (i % width) + 1, Math.floor(i / width), id));
    studio.finish(`What if ${name}`);
  }
}
