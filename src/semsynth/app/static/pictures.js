import { button, refill } from "./dom.js";
import { icon } from "./icons.js";
import { Signal } from "./signal.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./styles.js").Styles} Styles
 * @typedef {import("./live.js").Live} Live
 * @typedef {import("./view.js").View} View
 * @typedef {import("./files.js").Files} Files
 * @typedef {import("./photo.js").PhotoEdit} PhotoEdit
 * @typedef {import("./types.js").Document} Document
 * @typedef {import("./types.js").EditedPhoto} EditedPhoto
 * @typedef {import("./types.js").StyleChoice} StyleChoice
 * @typedef {import("./drawing.js").Stack & {style: StyleChoice, photo: EditedPhoto | null, document: Document,
 *   saved: number | null, picture: string, when: number}} Kept a whole drawing, when it was last saved, and its
 *   picture as a data address
 */

const MOST = 24;

/** Pictures that were kept, to compare with and to return to. */
export class Pictures {
  /**
   * @param {Studio} studio
   * @param {Styles} styles
   * @param {View} view
   * @param {Live} live
   * @param {Files} files
   * @param {PhotoEdit} photo
   */
  constructor(studio, styles, view, live, files, photo) {
    this.studio = studio;
    this.styles = styles;
    this.view = view;
    this.live = live;
    this.files = files;
    this.photo = photo;
    /** @type {Kept[]} */
    this.kept = [];
    /** @type {Signal<void>} */
    this.changed = new Signal();
    this.list = /** @type {HTMLElement} */ (document.getElementById("pictures"));
    this.chip = /** @type {HTMLElement} */ (document.getElementById("compare-chip"));
    button("keep", () => this.keep());
    this.chip.addEventListener("click", () => this.compare(null));
  }

  async keep() {
    await this.live.settled();
    const picture = this.live.still();
    if (!picture) {
      this.studio.told.emit("There is no picture yet.");
      return;
    }
    const { document } = this.files;
    const scene = { style: this.styles.style, photo: this.photo.photo, document, saved: document.saved };
    this.kept.unshift({ ...this.studio.drawing.copy(), ...scene, picture, when: Date.now() });
    this.kept.length = Math.min(this.kept.length, MOST);
    this.studio.told.emit("Picture kept");
    this.build();
    this.changed.emit();
  }

  /** @param {Kept} kept */
  restore(kept) {
    const { files, photo } = this;
    this.studio.exchange("Return to a kept picture", () => {
      this.studio.drawing.restore(kept);
      photo.put(kept.photo);
      this.styles.style = kept.style;
      if (kept.document !== files.document) files.become(comeBack(kept));
    });
  }

  /** @param {Kept | null} kept shown in the place of the map; null ends it */
  compare(kept) {
    this.chip.hidden = !kept;
    if (!kept) {
      this.view.reference = null;
      this.view.refresh();
      return;
    }
    const image = new Image();
    image.onload = () => {
      this.view.reference = image;
      if (this.view.mode === "picture") this.view.setMode("side");
      this.view.refresh();
    };
    image.src = kept.picture;
    this.chip.replaceChildren("Comparing with a kept picture", icon("close"));
  }

  build() {
    const empty = /** @type {HTMLElement} */ (document.getElementById("pictures-empty"));
    empty.hidden = this.kept.length > 0;
    refill(this.list, this.kept.map((kept, i) => this.card(kept, i)), document.getElementById("keep"));
  }

  /**
   * @param {Kept} kept
   * @param {number} index
   */
  card(kept, index) {
    const card = document.createElement("li");
    const image = document.createElement("img");
    image.src = kept.picture;
    const time = new Date(kept.when).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    image.alt = `Picture kept at ${time}`;
    const row = document.createElement("div");
    row.className = "row";
    row.append(
      small("Compare", `Compare with the picture of ${time}`, () => this.compare(kept)),
      small("Return", `Return to the picture of ${time}`, () => this.restore(kept)),
      small("", `Forget the picture of ${time}`, () => {
        this.kept.splice(index, 1);
        this.build();
        this.changed.emit();
      }),
    );
    row.lastElementChild?.append(icon("close"));
    card.append(image, row);
    return card;
  }
}

/**
 * The drawing of a kept picture, seen from another one: what was saved of it since must not be replaced unasked.
 * @param {Kept} kept
 * @returns {Document}
 */
function comeBack({ document, saved }) {
  return document.saved === saved ? document : { name: document.name, saved };
}

/**
 * @param {string} text
 * @param {string} label
 * @param {() => void} action
 */
function small(text, label, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.setAttribute("aria-label", label);
  button.addEventListener("click", action);
  return button;
}
