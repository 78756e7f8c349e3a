import { fromBase64 } from "./bytes.js";
import { dialog } from "./dom.js";
import { call, sendForm } from "./server.js";
import { ShapeChoice } from "./shapechoice.js";
import { pick } from "./tiles.js";

/**
 * @typedef {import("./types.js").GalleryItem} GalleryItem
 * @typedef {import("./colours.js").Colours} Colours
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./files.js").Files} Files
 * @typedef {import("./photo.js").PhotoEdit} PhotoEdit
 */

/** New drawings: empty, or from one of the model's examples. */
export class Examples {
  /**
   * @param {Studio} studio
   * @param {GalleryItem[]} items
   * @param {Files} files
   * @param {PhotoEdit} photo
   * @param {Colours} colours
   */
  constructor(studio, items, files, photo, colours) {
    this.studio = studio;
    this.items = items;
    this.files = files;
    this.photo = photo;
    this.tiles = /** @type {HTMLElement} */ (document.getElementById("examples"));
    this.choice = new ShapeChoice(studio.model, "new", () => this.cut());
    this.cut();
    document.getElementById("new")?.addEventListener("click", () => dialog("new").showModal());
    const tiles = items.map((item) => this.tile(item.name, picture(item.picture ?? ""), () => this.start(item)));
    const empty = colours.swatch(studio.background, 128, false);
    tiles.unshift(this.tile(`all ${studio.nameOf(studio.background)}`, empty, () => this.startEmpty()));
    this.tiles.append(...tiles);
  }

  /** Show the examples as they will be cut. */
  cut() {
    const { width, height } = this.choice.size;
    this.tiles.style.setProperty("--shape", String(width / height));
  }

  startEmpty() {
    const { width, height } = this.choice.size;
    this.begin("New drawing", new Uint8Array(width * height).fill(this.studio.background), "Untitled");
  }

  /** @param {GalleryItem} item */
  async start(item) {
    this.begin(`Example ${item.name}`, await this.load(item), item.name);
  }

  /**
   * @param {string} label
   * @param {Uint8Array} ids
   * @param {string} name
   */
  begin(label, ids, name) {
    this.studio.exchange(label, () => {
      this.studio.drawing.replace(ids, this.choice.size);
      this.photo.put(null);
      this.files.styles.begin();
      this.files.become({ name, saved: null });
    });
  }

  /**
   * @param {GalleryItem} item
   * @returns {Promise<Uint8Array>}
   */
  async load(item) {
    const { width, height } = this.choice.size;
    const file = await (await call(item.picture ?? "")).blob();
    const form = { map: file, width: String(width), height: String(height) };
    return fromBase64((await (await sendForm("/api/maps/read", form)).json()).ids);
  }

  /**
   * @param {string} name
   * @param {HTMLElement} shown
   * @param {() => unknown} action
   */
  tile(name, shown, action) {
    return pick(shown, name, () => {
      dialog("new").close();
      this.files.try(async () => action());
    });
  }
}

/** @param {string} address */
function picture(address) {
  const image = document.createElement("img");
  image.src = address;
  image.alt = "";
  image.loading = "lazy";
  return image;
}
