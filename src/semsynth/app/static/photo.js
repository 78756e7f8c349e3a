import { fromBase64 } from "./bytes.js";
import { icon } from "./icons.js";
import { button } from "./palette.js";
import { sendForm } from "./server.js";
import { Signal } from "./signal.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./styles.js").Styles} Styles
 * @typedef {import("./types.js").Settings} Settings
 */

/** The photograph under edit: the picture is the photograph, but for what was painted differently. */
export class PhotoEdit {
  /**
   * @param {Studio} studio
   * @param {Styles} styles
   */
  constructor(studio, styles) {
    this.studio = studio;
    this.styles = styles;
    /** The photograph as a PNG and its labels, in base 64, and the server's key for both.
     * @type {{png: string, labels: string, key: string} | null} */
    this.photo = null;
    this.everywhere = false;
    this.feather = 8;
    /** @type {Signal<void>} */
    this.changed = new Signal();
    this.chip = /** @type {HTMLElement} */ (document.getElementById("photo-chip"));
    this.dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog-photo"));
    this.listen();
  }

  listen() {
    const everywhere = /** @type {HTMLInputElement} */ (document.getElementById("photo-everywhere"));
    const feather = /** @type {HTMLInputElement} */ (document.getElementById("photo-feather"));
    this.chip.addEventListener("click", () => {
      everywhere.checked = this.everywhere;
      feather.value = String(this.feather);
      this.dialog.showModal();
    });
    everywhere.addEventListener("change", () => {
      this.everywhere = everywhere.checked;
      this.changed.emit();
    });
    feather.addEventListener("input", () => {
      this.feather = Number(feather.value);
      const value = document.getElementById("photo-feather-value");
      if (value) value.textContent = `${this.feather} px`;
      this.changed.emit();
    });
    button("photo-close", () => {
      this.dialog.close();
      this.close();
    });
  }

  /** What the server must know about it. @returns {Partial<Settings>} */
  get settings() {
    if (!this.photo) return {};
    return { photo: this.photo.key, feather: this.feather, everywhere: this.everywhere };
  }

  /**
   * Begin to edit a photograph.
   * @param {Blob} file
   */
  async open(file) {
    this.studio.told.emit("Looking at the photo ...");
    const found = await this.send(file, null);
    this.take(found);
    this.studio.record("Open photo", () => this.studio.drawing.replace(fromBase64(found.labels)));
    if (found.vector.length) {
      this.styles.addOwn({ name: "photo", vector: found.vector, thumbnail: found.thumbnail });
    }
    this.studio.told.emit("Paint where the photo shall change.");
  }

  /**
   * Go on with a photograph of a project, or hand it to a server that was started anew.
   * @param {string} png in base 64
   * @param {string} labels in base 64
   */
  async resume(png, labels) {
    this.take(await this.send(new Blob([fromBase64(png)]), labels));
    this.changed.emit();
  }

  /** The server has forgotten the photograph. */
  async again() {
    if (this.photo) await this.resume(this.photo.png, this.photo.labels);
  }

  close() {
    this.photo = null;
    this.show();
    this.changed.emit();
  }

  /**
   * @param {Blob} file
   * @param {string | null} labels
   * @returns {Promise<{key: string, png: string, labels: string, vector: number[], thumbnail: string}>}
   */
  async send(file, labels) {
    const { width, height } = this.studio.drawing;
    /** @type {Record<string, string | Blob>} */
    const fields = { photo: file, width: String(width), height: String(height) };
    if (labels !== null) fields.labels = labels;
    return (await sendForm("/api/photos", fields)).json();
  }

  /** @param {{key: string, png: string, labels: string}} found */
  take(found) {
    this.photo = { key: found.key, png: found.png, labels: found.labels };
    this.show();
  }

  show() {
    this.chip.hidden = !this.photo;
    this.chip.replaceChildren(icon("photo"), "Editing a photo");
  }
}
