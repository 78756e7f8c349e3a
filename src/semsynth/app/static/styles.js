import { pickFile } from "./bytes.js";
import { button, press, refill } from "./dom.js";
import { sendForm } from "./server.js";
import { Signal } from "./signal.js";
import { tile, walkRadios } from "./tiles.js";
import { randomSeed } from "./trials.js";

/**
 * @typedef {import("./types.js").GalleryItem} GalleryItem
 * @typedef {import("./types.js").StyleChoice} StyleChoice
 * @typedef {import("./types.js").OneStyle} OneStyle
 * @typedef {import("./types.js").PlainStyle} PlainStyle
 * @typedef {import("./types.js").OwnStyle} OwnStyle
 * @typedef {import("./studio.js").Studio} Studio
 */

const MOST_OWN = 32;
/** What the style of a photograph is called that was opened to be edited. */
export const OPENED = "photo";

/** The style of the picture: a random one, one of the model's, one's own, or a mix of two. */
export class Styles {
  /**
   * @param {Studio} studio
   * @param {GalleryItem[]} items
   */
  constructor(studio, items) {
    this.studio = studio;
    this.items = items;
    /** @type {OwnStyle[]} */
    this.own = [];
    /** Addresses of pictures of the drawing in the styles of the gallery, by those styles. @type {Map<string, string>} */
    this.previews = new Map();
    /** @type {PlainStyle} */
    this.first = items.length ? { name: items[0].name } : { seed: 0 };
    /** @type {PlainStyle | null} */
    this.second = null;
    this.amount = 0.5;
    /** Of a style that is no seed: the number of its variation. */
    this.variation = 0;
    /** The styles of the classes that have one of their own, by their names. @type {Map<string, OneStyle>} */
    this.classes = new Map();
    this.seed = 0;
    this.seedLocked = false;
    /** @type {Signal<void>} */
    this.changed = new Signal();
    this.seedInput = /** @type {HTMLInputElement} */ (document.getElementById("seed"));
    this.mixWith = /** @type {HTMLSelectElement} */ (document.getElementById("mix-with"));
    this.mixInput = /** @type {HTMLInputElement} */ (document.getElementById("mix"));
    this.gallery = /** @type {HTMLElement} */ (document.getElementById("gallery"));
    if (!studio.model.capabilities.includes("photo-styles")) document.getElementById("add-style")?.remove();
    this.listen();
    this.build();
  }

  /** @returns {StyleChoice} */
  get style() {
    return this.whole(this.varied(this.variation));
  }

  /**
   * A style of the picture together with those of the classes.
   * @param {OneStyle} rest
   * @param {Map<string, OneStyle>} [classes]
   * @returns {StyleChoice}
   */
  whole(rest, classes = this.classes) {
    return classes.size ? { classes: Object.fromEntries(classes), rest } : rest;
  }

  /** The style of the rest as it is in a variation. @param {number} variation @returns {OneStyle} */
  varied(variation) {
    const first = variation && !("seed" in this.first) ? { ...this.first, variation } : this.first;
    return this.second ? { mix: [first, this.second], amount: this.amount } : first;
  }

  /** @param {StyleChoice} style */
  set style(style) {
    const { classes, rest } = "classes" in style ? style : { classes: {}, rest: style };
    this.classes = new Map(Object.entries(classes));
    if ("mix" in rest) {
      [this.first, this.second] = rest.mix;
      this.amount = rest.amount;
    } else {
      this.first = rest;
      this.second = null;
    }
    this.variation = 0;
    if ("seed" in this.first) this.seed = this.first.seed;
    else {
      const { variation, ...plain } = this.first;
      this.variation = variation ?? 0;
      this.first = plain;
    }
    for (const one of [this.first, this.second, ...this.classes.values()]) if (one) this.adopt(one);
    this.build();
    this.changed.emit();
  }

  /**
   * Return to a style, and to one's own styles of then; those that came since stay.
   * @param {StyleChoice} style
   * @param {OwnStyle[]} own
   */
  restore(style, own) {
    this.own = [...own, ...this.own.filter((o) => !own.includes(o))].slice(0, MOST_OWN);
    this.style = style;
  }

  /** A style code that came with a file gets a place in the gallery. @param {OneStyle} style */
  adopt(style) {
    if (!("vector" in style) || this.own.some((o) => sameStyle(style, o))) return;
    this.own.push({ name: `own ${this.own.length + 1}`, vector: style.vector, thumbnail: "" });
  }

  listen() {
    this.seedInput.addEventListener("change", () => this.useSeed(Number(this.seedInput.value)));
    button("dice", () => this.roll());
    button("copy-seed", () => this.copySeed());
    button("lock-seed", () => {
      this.seedLocked = !this.seedLocked;
      this.studio.told.emit(this.seedLocked ? "Seed locked" : "Seed unlocked");
      this.build();
    });
    button("add-style", async () => {
      const file = await pickFile("image/png,image/jpeg,image/webp");
      if (file) this.addPhoto(file);
    });
    this.mixWith.addEventListener("change", () => {
      const choice = this.choices()[Number(this.mixWith.value || -1)];
      this.studio.adjust(`Mix with ${choice?.label ?? "nothing"}`, () => {
        this.second = choice?.style ?? null;
        this.build();
        this.changed.emit();
      });
    });
    this.mixInput.addEventListener("input", () => {
      const slide = () => {
        this.amount = Number(this.mixInput.value) / 100;
        this.showMix();
        this.changed.emit();
      };
      this.studio.adjust("Share of the mix", slide, true);
    });
    this.gallery.addEventListener("keydown", (e) => walkRadios(e, this.gallery));
  }

  /** Another random style. */
  roll() {
    if (this.seedLocked) this.studio.told.emit("The seed is locked.");
    else this.useSeed(randomSeed());
  }

  /** @param {number} seed */
  useSeed(seed) {
    const used = Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.floor(seed) || 0));
    this.use({ seed: used }, `Seed ${used}`);
    if (used !== seed) this.studio.told.emit(`Seeds are whole numbers from 0 on; this is seed ${used}.`);
  }

  /**
   * Take a style in the place of the first one, as a step.
   * @param {PlainStyle} style
   * @param {string} name
   */
  use(style, name) {
    this.studio.adjust(`Style ${name}`, () => this.take(style));
  }

  /** @param {PlainStyle} style */
  take(style) {
    this.first = style;
    if ("seed" in style) this.seed = style.seed;
    this.variation = 0;
    this.build();
    this.changed.emit();
  }

  /** Another drawing begins: the style of a photograph that was opened goes with the photograph. */
  begin() {
    const opened = this.own.filter((own) => own.name === OPENED);
    const gone = (/** @type {OneStyle | null} */ style) =>
      style && !("mix" in style) && opened.some((own) => sameStyle(style, own));
    const classes = new Map([...this.classes].filter(([, style]) => !gone(style)));
    const lost = gone(this.first) || gone(this.second);
    if (!lost && classes.size === this.classes.size) return;
    const other = this.items.length ? { name: this.items[0].name } : { seed: this.seed };
    this.style = this.whole(lost ? other : this.varied(this.variation), classes);
  }

  async copySeed() {
    try {
      await navigator.clipboard.writeText(String(this.seed));
      this.studio.told.emit(`Seed ${this.seed} copied`);
    } catch {
      this.seedInput.select();
      this.studio.told.emit("The browser does not let the page copy; the seed is selected instead.");
    }
  }

  /** @param {Blob & {name?: string}} file */
  async addPhoto(file) {
    try {
      const own = await this.styleOf(file);
      this.studio.adjust(`Style ${own.name}`, () => this.addOwn(own));
      this.studio.told.emit("The picture has the photo's style now.");
    } catch (error) {
      this.studio.told.emit(/** @type {Error} */ (error).message);
    }
  }

  /** @param {Blob & {name?: string}} file a photograph @returns {Promise<OwnStyle>} */
  async styleOf(file) {
    this.studio.told.emit("Taking the style of the photo ...");
    const answer = await (await sendForm("/api/styles", { photo: file })).json();
    return { name: (file.name ?? "own").replace(/\.\w+$/, "").slice(0, 40), ...answer };
  }

  /** @param {OwnStyle} style */
  keep(style) {
    this.own.push(style);
    if (this.own.length > MOST_OWN) this.own.shift();
  }

  /** @param {OwnStyle} style */
  addOwn(style) {
    this.keep(style);
    this.take({ vector: style.vector });
  }

  /** @returns {{label: string, picture: string | null, style: PlainStyle}[]} */
  choices() {
    return [
      { label: `seed ${this.seed}`, picture: null, style: { seed: this.seed } },
      ...this.items.map((c) => ({ label: c.name, picture: c.picture, style: { name: c.name } })),
      ...this.own.map((o) => ({ label: o.name, picture: o.thumbnail || null, style: { vector: o.vector } })),
    ];
  }

  build() {
    this.seedInput.value = String(this.seed);
    this.seedInput.disabled = this.seedLocked;
    /** @type {HTMLButtonElement} */ (document.getElementById("dice")).disabled = this.seedLocked;
    press("lock-seed", this.seedLocked);
    const choices = this.choices();
    const tiles = choices.map(({ label, picture, style }) => {
      const shown = this.previews.get(JSON.stringify(style)) ?? picture;
      return tile({ label, picture: shown, style }, sameStyle(style, this.first), () => this.use(style, label));
    });
    refill(this.gallery, tiles);
    const options = choices.map((choice, i) => new Option(choice.label, String(i)));
    this.mixWith.replaceChildren(new Option("nothing", ""), ...options);
    const second = this.second;
    if (second) {
      const index = choices.findIndex((choice) => sameStyle(choice.style, second));
      if (index >= 0) this.mixWith.value = String(index);
      else this.mixWith.append(new Option("seed" in second ? `seed ${second.seed}` : "another", "", true, true));
    }
    this.showMix();
  }

  showMix() {
    this.mixInput.disabled = !this.second;
    this.mixInput.value = String(Math.round(this.amount * 100));
    const value = document.getElementById("mix-value");
    if (value) value.textContent = `${Math.round(this.amount * 100)} %`;
  }
}

/**
 * @param {PlainStyle} a
 * @param {PlainStyle | OwnStyle} b
 */
export function sameStyle(a, b) {
  if ("seed" in a) return "seed" in b && a.seed === b.seed;
  if ("vector" in a) return "vector" in b && a.vector.length === b.vector.length && a.vector.every((v, i) => v === b.vector[i]);
  return "name" in b && !("vector" in b) && a.name === b.name;
}
