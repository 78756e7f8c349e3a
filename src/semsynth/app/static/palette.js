import { button, press } from "./dom.js";
import { icon } from "./icons.js";
import { preference, remember } from "./preferences.js";
import { findClasses } from "./search.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./colours.js").Colours} Colours
 * @typedef {import("./view.js").View} View
 * @typedef {import("./types.js").LabelClass} LabelClass
 */

const GROUPS = [
  "sky", "water", "land", "plants", "roads", "buildings", "indoors", "people", "animals", "vehicles", "things", "void",
];

/** The list of classes to paint with: searchable, in groups, favourites first. */
export class Palette {
  /**
   * @param {Studio} studio
   * @param {Colours} colours
   * @param {View} view
   */
  constructor(studio, colours, view) {
    this.studio = studio;
    this.colours = colours;
    this.view = view;
    this.list = /** @type {HTMLElement} */ (document.getElementById("classes"));
    this.search = /** @type {HTMLInputElement} */ (document.getElementById("search"));
    this.favouriteKey = `favourites.${studio.model.label_set}`;
    /** @type {Set<number>} */
    this.favourites = new Set(preference(this.favouriteKey, []));
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    /** Makes the chip of a class's style, where classes have styles. @type {((c: LabelClass) => HTMLElement) | null} */
    this.chip = null;
    /** The classes that are searched for, the likeliest first. @type {LabelClass[]} */
    this.found = [];
    this.build();
    this.listen();
  }

  listen() {
    this.search.addEventListener("input", () => this.build());
    this.search.addEventListener("keydown", (e) => {
      const [best] = this.found;
      if (e.key === "ArrowDown") /** @type {HTMLElement | null} */ (this.list.querySelector("[role=option]"))?.focus();
      if (!["Enter", "Escape"].includes(e.key)) return;
      e.preventDefault();
      if (e.key === "Enter" && !best) return;
      if (e.key === "Enter") this.studio.choose(best.id);
      this.search.value = "";
      this.build();
      this.view.canvas.focus({ preventScroll: true });
    });
    this.list.addEventListener("keydown", (e) => this.walk(e));
    this.list.addEventListener("pointerleave", () => this.view.find(-1));
    button("favourite", () => this.toggleFavourite());
    button("lock", () => this.studio.toggleLock(this.studio.classId));
    button("locate", () => this.locate());
    this.studio.chosen.on(() => this.mark());
    this.studio.stepped.on(() => this.measure());
  }

  toggleFavourite() {
    const id = this.studio.classId;
    if (!this.favourites.delete(id)) this.favourites.add(id);
    remember(this.favouriteKey, [...this.favourites]);
    const focused = this.list.contains(document.activeElement);
    this.build();
    if (focused) this.rows.get(id)?.focus();
  }

  /** Show for a moment where the chosen class is. */
  locate() {
    const id = this.studio.classId;
    const share = this.share(id);
    this.studio.told.emit(share ? `${this.studio.nameOf(id)} covers ${share}` : `There is no ${this.studio.nameOf(id)}`);
    this.view.find(id);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.view.find(-1), 1600);
  }

  /** The n-th class of the list as it is shown. @param {number} n */
  nth(n) {
    const id = [...this.rows.keys()][n];
    if (id !== undefined) this.studio.choose(id);
  }

  build() {
    const fits = (this.found = findClasses(this.studio.classes, this.search.value));
    const names = new Set([...GROUPS, ...fits.map((c) => c.group)]);
    this.list.replaceChildren();
    this.rows.clear();
    this.group("Favourites", fits.filter((c) => this.favourites.has(c.id)));
    for (const name of names) {
      this.group(name, fits.filter((c) => c.group === name && !this.favourites.has(c.id)));
    }
    if (!fits.length) {
      const none = document.createElement("p");
      none.className = "muted none";
      none.textContent = "There is no such class. Try another word for it.";
      this.list.append(none);
    }
    this.mark();
    this.measure();
  }

  /**
   * @param {string} name
   * @param {LabelClass[]} classes
   */
  group(name, classes) {
    if (!classes.length) return;
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", name);
    const title = document.createElement("span");
    title.className = "group-name";
    title.setAttribute("aria-hidden", "true");
    title.textContent = name;
    group.append(title, ...classes.map((c) => this.row(c)));
    this.list.append(group);
  }

  /** @param {LabelClass} c */
  row(c) {
    const row = document.createElement("div");
    row.setAttribute("role", "option");
    row.dataset.id = String(c.id);
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = c.name;
    const area = document.createElement("span");
    area.className = "area";
    const mark = document.createElement("span");
    mark.className = "locked";
    const said = document.createElement("span");
    said.className = "sr";
    said.textContent = "locked";
    mark.append(icon("lock"), said);
    row.append(this.colours.swatch(c.id, 32), name, mark, ...(this.chip ? [this.chip(c)] : []), area);
    row.addEventListener("click", () => this.studio.choose(c.id));
    row.addEventListener("pointerenter", (e) => {
      if (e.pointerType === "mouse") this.view.find(area.textContent ? c.id : -1);
    });
    this.rows.set(c.id, row);
    return row;
  }

  /** Show what is chosen, locked and a favourite. */
  mark() {
    const { classId, locked } = this.studio;
    const shown = this.rows.has(classId);
    let first = true;
    for (const [id, row] of this.rows) {
      const chosen = id === classId;
      row.setAttribute("aria-selected", String(chosen));
      row.tabIndex = chosen || (!shown && first) ? 0 : -1;
      row.classList.toggle("is-locked", Boolean(locked[id]));
      first = false;
    }
    this.rows.get(classId)?.scrollIntoView({ block: "nearest" });
    press("favourite", this.favourites.has(classId));
    press("lock", Boolean(locked[classId]));
    const current = /** @type {HTMLElement} */ (document.getElementById("current-class"));
    current.textContent = this.studio.nameOf(classId) + (locked[classId] ? " (locked)" : "");
    document.getElementById("current-swatch")?.replaceChildren(this.colours.swatch(classId, 40));
  }

  /** Show how much of the drawing every class covers. */
  measure() {
    this.areas = this.studio.drawing.areas();
    for (const [id, row] of this.rows) {
      const area = row.querySelector(".area");
      if (area) area.textContent = this.share(id);
    }
  }

  /**
   * @param {number} id
   * @returns {string} "12 %", or nothing where there is none of the class
   */
  share(id) {
    const count = this.areas?.[id] ?? 0;
    if (!count) return "";
    const share = (100 * count) / this.studio.drawing.ids.length;
    return share < 0.1 ? "< 0.1 %" : `${share.toFixed(share < 10 ? 1 : 0)} %`;
  }

  /** @param {KeyboardEvent} e */
  walk(e) {
    const rows = [...this.rows.values()];
    const here = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: rows.length - 1 };
    const next = rows[to[e.key]];
    if (next) {
      next.focus();
      this.studio.choose(Number(next.dataset.id));
    }
    if (e.key in to) e.preventDefault();
  }
}
