import { pickFile } from "./bytes.js";
import { ask, FORMAT } from "./connection.js";
import { button, dialog, refill } from "./dom.js";
import { icon } from "./icons.js";
import { sameStyle } from "./styles.js";
import { iconOf, tile, walkRadios } from "./tiles.js";
import { randomSeed } from "./trials.js";

/**
 * @typedef {import("./types.js").LabelClass} LabelClass
 * @typedef {import("./types.js").OneStyle} OneStyle
 * @typedef {import("./types.js").OwnStyle} OwnStyle
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./styles.js").Styles} Styles
 * @typedef {import("./palette.js").Palette} Palette
 * @typedef {{label: string, picture: string | null, style: OneStyle | null}} Choice style: null for that of the rest
 */

/** The longest text of all styles of classes: the settings of a request are at most 64 KiB. */
const MOST_TEXT = 30_000;

/** Styles of single classes: their chips in the palette, and the gallery that a chip opens. */
export class ClassStyles {
  /**
   * @param {Studio} studio
   * @param {Styles} styles
   * @param {Palette} palette
   * @param {() => Settings} settings
   */
  constructor(studio, styles, palette, settings) {
    this.studio = studio;
    this.styles = styles;
    this.palette = palette;
    this.settings = settings;
    this.button = /** @type {HTMLElement} */ (document.getElementById("class-style"));
    this.dialog = dialog("class-style");
    this.gallery = /** @type {HTMLElement} */ (document.getElementById("class-gallery"));
    this.copy = /** @type {HTMLSelectElement} */ (document.getElementById("class-copy"));
    /** Addresses of pictures of the drawing in the styles of the gallery. @type {Map<string, string>} */
    this.painted = new Map();
    /** Which pictures are wanted: those that were asked for before come for nobody. */
    this.asked = 0;
    /** The styles that the chips show. */
    this.shown = "";
    if (!studio.model.capabilities.includes("class-styles")) {
      this.button.remove();
      return;
    }
    if (!studio.model.capabilities.includes("photo-styles")) document.getElementById("class-photo")?.remove();
    palette.chip = (c) => this.chip(c);
    palette.build();
    this.listen();
    this.show();
  }

  listen() {
    const { studio, styles } = this;
    this.button.addEventListener("click", () => this.open());
    button("class-dice", () => {
      const seed = randomSeed();
      this.use({ seed }, `seed ${seed}`);
    });
    button("class-photo", () => this.addPhoto());
    button("class-styles-end", () => this.put("All classes in one style", new Map()));
    this.copy.addEventListener("change", () => this.use(styles.classes.get(this.copy.value) ?? null, `as ${this.copy.value}`));
    this.gallery.addEventListener("keydown", (e) => walkRadios(e, this.gallery));
    this.dialog.addEventListener("close", () => this.forget());
    styles.changed.on(() => this.refresh());
    studio.chosen.on(() => this.show());
  }

  /** The chosen class. */
  get name() {
    return this.studio.nameOf(this.studio.classId);
  }

  /** The styles that can be chosen; one that came with a file is among them. @returns {Choice[]} */
  choices() {
    const own = this.styles.classes.get(this.name), choices = this.styles.choices().slice(1);
    const other = own && !choices.some(({ style }) => alike(style, own)) ? [{ ...this.describe(own), style: own }] : [];
    return [{ label: "as the rest", picture: null, style: null }, ...other, ...choices];
  }

  /**
   * @param {OneStyle} style
   * @returns {{label: string, picture: string | null}}
   */
  describe(style) {
    const known = this.styles.choices().slice(1).find((choice) => alike(choice.style, style));
    if (known) return known;
    return { label: "seed" in style ? `seed ${style.seed}` : "mix" in style ? "a mix" : "a photo", picture: null };
  }

  /** Show the styles of the classes, where they have changed. */
  refresh() {
    const now = JSON.stringify([...this.styles.classes]);
    if (now === this.shown) return;
    this.shown = now;
    for (const [id, row] of this.palette.rows) {
      row.querySelector(".style-chip")?.replaceWith(this.chip(this.studio.classes[id]));
    }
    this.show();
    if (this.dialog.open) this.build();
  }

  /**
   * The chip of a class in the palette. It is for pointers; the keyboard has the button above the palette.
   * @param {LabelClass} c
   */
  chip(c) {
    const chip = this.sign(this.styles.classes.get(c.name));
    chip.addEventListener("click", (e) => {
      e.stopPropagation();
      this.studio.choose(c.id);
      this.open();
    });
    return chip;
  }

  /** What stands for a style. @param {OneStyle | undefined} style */
  sign(style) {
    const sign = document.createElement("span");
    sign.className = style ? "style-chip own" : "style-chip";
    sign.title = "Style: as the rest";
    if (!style) return sign;
    const { label, picture } = this.describe(style), said = document.createElement("span");
    sign.title = `Style: ${label}`;
    said.className = "sr";
    said.textContent = sign.title;
    const image = document.createElement("img");
    image.src = picture ?? "";
    image.alt = "";
    sign.append(picture ? image : icon(iconOf(style)), said);
    return sign;
  }

  /** Say what style the chosen class has, and how many classes have one of their own. */
  show() {
    const style = this.styles.classes.get(this.name), names = [...this.styles.classes.keys()];
    const text = /** @type {HTMLElement} */ (this.button.lastElementChild);
    text.textContent = `Style of ${this.name}: ${style ? this.describe(style).label : "as the rest"}`;
    const sign = this.sign(style);
    sign.querySelector(".sr")?.remove();
    this.button.firstElementChild?.replaceWith(sign);
    const note = /** @type {HTMLElement} */ (document.getElementById("class-styles"));
    note.hidden = !names.length;
    /** @type {HTMLElement} */ (note.firstElementChild).textContent = `Own styles: ${names.join(", ")}`;
  }

  /**
   * The styles of the classes where the chosen one has another.
   * @param {OneStyle | null} style null for that of the rest
   */
  with(style) {
    const classes = new Map(this.styles.classes);
    if (style) classes.set(this.name, style);
    else classes.delete(this.name);
    return classes;
  }

  /**
   * Give classes styles of their own, as a step.
   * @param {string} label
   * @param {Map<string, OneStyle>} classes
   * @param {OwnStyle} [own] the photograph that one comes from, where that is a new one
   */
  put(label, classes, own) {
    const { studio, styles } = this;
    if (JSON.stringify([...classes]).length > MOST_TEXT) {
      return studio.told.emit("No more classes can have styles of photos; take seeds or the model's styles.");
    }
    studio.adjust(label, () => {
      if (own) styles.keep(own);
      styles.classes = classes;
      styles.build();
      styles.changed.emit();
    });
  }

  /**
   * Give the chosen class a style, as a step.
   * @param {OneStyle | null} style
   * @param {string} label
   * @param {OwnStyle} [own]
   */
  use(style, label, own) {
    this.put(`Style of ${this.name}: ${label}`, this.with(style), own);
  }

  open() {
    const { width, height } = this.studio.drawing, title = document.getElementById("class-style-title");
    if (title) title.textContent = `Style of ${this.name}`;
    this.gallery.style.setProperty("--shape", String(width / height));
    this.dialog.showModal();
    this.build();
    /** @type {HTMLElement | null} */ (this.gallery.querySelector("[aria-checked=true]"))?.focus();
  }

  /** Show the gallery, and paint the pictures that it lacks. */
  build() {
    this.fill();
    const others = [...this.styles.classes.keys()].filter((name) => name !== this.name);
    this.copy.replaceChildren(new Option("a class", ""), ...others.map((name) => new Option(name, name)));
    this.copy.disabled = !others.length;
    this.paint();
  }

  fill() {
    const own = this.styles.classes.get(this.name) ?? null;
    const tiles = this.choices().map(({ label, picture, style }) => {
      const shown = this.painted.get(JSON.stringify(style)) ?? picture;
      return tile({ label, picture: shown, style }, alike(style, own), () => this.use(style, label));
    });
    refill(this.gallery, tiles);
  }

  async paint() {
    const { drawing: { ids, width, height }, told } = this.studio, { styles } = this, asked = ++this.asked;
    const missing = this.choices().filter(({ style }) => !this.painted.has(JSON.stringify(style)));
    const rest = styles.varied(styles.variation);
    const jobs = missing.map(({ style }) => ({
      ids: ids.slice(), width, height, format: FORMAT.jpeg,
      settings: { ...this.settings(), style: styles.whole(rest, this.with(style)) },
    }));
    if (!jobs.length) return;
    try {
      await ask(jobs, ({ bytes }, i) => {
        if (asked !== this.asked) return false;
        const address = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
        this.painted.set(JSON.stringify(missing[i].style), address);
        this.fill();
        return true;
      });
    } catch (error) {
      told.emit(/** @type {Error} */ (error).message);
    }
  }

  forget() {
    this.asked++;
    for (const address of this.painted.values()) URL.revokeObjectURL(address);
    this.painted.clear();
  }

  /** Take the style of a photograph. */
  async addPhoto() {
    const file = await pickFile("image/png,image/jpeg,image/webp");
    if (!file) return;
    try {
      const own = await this.styles.styleOf(file);
      this.use({ vector: own.vector }, own.name, own);
      this.studio.told.emit(`The style of ${this.name} is that of the photo now.`);
    } catch (error) {
      this.studio.told.emit(/** @type {Error} */ (error).message);
    }
  }
}

/**
 * @param {OneStyle | null} a
 * @param {OneStyle | null} b
 */
function alike(a, b) {
  if (a === b) return true;
  return Boolean(a && b && !("mix" in a) && !("mix" in b) && sameStyle(a, b));
}
