import { ask, FORMAT } from "./connection.js";
import { button, press } from "./dom.js";
import { candidate } from "./tiles.js";

/**
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./types.js").OneStyle} OneStyle
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./styles.js").Styles} Styles
 */

const VARIATIONS = 6;
/** The dice shows seeds below this, short enough to be read out; any other can be typed. */
const DICE = 1_000_000;

export function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % DICE;
}

/** The drawing as it would be in other styles: variations to choose from, and the gallery. */
export class Trials {
  /**
   * @param {Studio} studio
   * @param {Styles} styles
   * @param {() => Settings} settings of the picture as a whole
   */
  constructor(studio, styles, settings) {
    this.studio = studio;
    this.styles = styles;
    this.settings = settings;
    this.tiles = /** @type {HTMLElement} */ (document.getElementById("variations"));
    /** What the variations are of. */
    this.base = "";
    /** The drawing that is shown. @type {Uint8Array | null} */
    this.ids = null;
    this.width = 0;
    /** The styles of the classes in the pictures. */
    this.classes = "";
    button("vary", () => this.vary());
    button("preview", () => (this.styles.previews.size ? this.clear() : this.preview()));
    for (const signal of [studio.stepped, styles.changed]) signal.on(() => this.check());
  }

  /** Take away what is not of this drawing or style any more. */
  check() {
    const { ids, width } = this.studio.drawing;
    const same = this.width === width && this.classes === this.ofClasses;
    if (this.ids && !(same && this.ids.every((id, i) => id === ids[i]))) this.clear();
    if (this.base !== this.now) this.tiles.replaceChildren();
  }

  clear() {
    this.ids = null;
    this.base = "";
    this.tiles.replaceChildren();
    for (const address of this.styles.previews.values()) URL.revokeObjectURL(address);
    this.styles.previews.clear();
    this.styles.build();
    press("preview", false);
  }

  /** What variations would be of: the style without the number of its variation, or the seeds. */
  get now() {
    return (this.ofStyle ? JSON.stringify(this.styles.varied(0)) : "seeds") + this.ofClasses;
  }

  get ofClasses() {
    return JSON.stringify([...this.styles.classes]);
  }

  get ofStyle() {
    return this.studio.model.capabilities.includes("variations") && !("seed" in this.styles.first);
  }

  /** Synthesize the drawing in a few variations of its style, or in a few random styles, to choose from. */
  async vary() {
    const { ofStyle, styles, studio } = this, what = ofStyle ? "variation" : "seed";
    const numbers = Array.from({ length: VARIATIONS }, randomSeed);
    const tiles = numbers.map((number) => candidate(number, `Use ${what} ${number}`));
    this.tiles.replaceChildren(...tiles);
    this.tiles.scrollIntoView({ block: "nearest" });
    this.base = this.now;
    const choices = numbers.map((number) => (ofStyle ? styles.varied(number) : { seed: number }));
    await this.paint(choices, (address, i) => {
      const image = /** @type {HTMLImageElement} */ (tiles[i].querySelector("img"));
      image.onload = () => URL.revokeObjectURL(address);
      image.src = address;
      tiles[i].disabled = false;
      tiles[i].addEventListener("click", () => {
        if (!ofStyle && styles.seedLocked) studio.told.emit("The seed is locked.");
        else studio.adjust(`${ofStyle ? "Variation" : "Seed"} ${numbers[i]}`, () => (styles.style = styles.whole(choices[i])));
      });
    });
  }

  /** Show the drawing in every style of the gallery, in the place of its scene. */
  async preview() {
    const choices = this.styles.choices().map((choice) => choice.style);
    press("preview", true);
    await this.paint(choices, (address, i) => {
      this.styles.previews.set(JSON.stringify(choices[i]), address);
      this.styles.build();
    });
  }

  /**
   * @param {OneStyle[]} choices
   * @param {(address: string, index: number) => void} each given the address of a picture, as long as it is current
   */
  async paint(choices, each) {
    const { drawing, told } = this.studio, ids = drawing.ids.slice();
    this.ids = ids;
    this.width = drawing.width;
    this.classes = this.ofClasses;
    const jobs = choices.map((style) => ({
      ids,
      width: drawing.width,
      height: drawing.height,
      settings: { ...this.settings(), style: this.styles.whole(style) },
      format: FORMAT.jpeg,
    }));
    try {
      await ask(jobs, (picture, i) => {
        if (this.ids !== ids) return false;
        each(URL.createObjectURL(new Blob([picture.bytes], { type: "image/jpeg" })), i);
        return true;
      });
    } catch (error) {
      told.emit(/** @type {Error} */ (error).message);
    }
  }
}
