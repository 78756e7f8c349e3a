import { fromBase64 } from "./bytes.js";
import { button, dialog, field } from "./dom.js";
import { icon } from "./icons.js";
import { sendForm } from "./server.js";
import { Signal } from "./signal.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./types.js").EditedPhoto} EditedPhoto
 * @typedef {import("./types.js").Project} Project
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./types.js").Frame} Frame
 * @typedef {import("./types.js").Size} Size
 * @typedef {{key: string, frame: Frame, labels: string, vector: number[], thumbnail: string}} Found
 */

/** Width of the soft rim around a change, in pixels, until another is chosen. */
const FEATHER = 8;

/** The photograph that is being edited: the picture is the photograph, but for what was painted differently. */
export class PhotoEdit {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    studio.photo = this;
    /** Never changed, only replaced: the steps of the history hold on to it. @type {EditedPhoto | null} */
    this.photo = null;
    /** @type {Signal<void>} */
    this.changed = new Signal();
    this.chip = /** @type {HTMLElement} */ (document.getElementById("photo-chip"));
    this.everywhere = field("photo-everywhere");
    this.feather = field("photo-feather");
    this.chip.addEventListener("click", () => this.toggleDialog());
    dialog("photo").addEventListener("keydown", (e) => e.key === "Escape" && dialog("photo").close());
    this.everywhere.addEventListener("change", () =>
      this.adjust("Repaint the whole photo", { everywhere: this.everywhere.checked }));
    this.feather.addEventListener("input", () => this.adjust("Soft rim", { feather: Number(this.feather.value) }));
    button("photo-close", () => {
      dialog("photo").close();
      studio.exchange("Stop editing the photo", () => this.put(null));
    });
  }

  /** Beside the picture that it changes, which is worked on meanwhile. */
  toggleDialog() {
    const panel = dialog("photo");
    if (panel.open) panel.close();
    else panel.show();
  }

  showValues() {
    if (!this.photo) return;
    this.everywhere.checked = this.photo.everywhere;
    this.feather.value = String(this.photo.feather);
    const value = /** @type {HTMLElement} */ (document.getElementById("photo-feather-value"));
    value.textContent = `${this.photo.feather} px`;
  }

  /**
   * @param {string} label
   * @param {Partial<EditedPhoto>} part
   */
  adjust(label, part) {
    const { photo } = this;
    if (photo) this.studio.adjust(label, () => this.put({ ...photo, ...part }), true);
  }

  /** What the server must know about it. @returns {Partial<Settings>} */
  get settings() {
    return settingsOf(this.photo);
  }

  /** Edit another photograph, or none. @param {EditedPhoto | null} photo */
  put(photo) {
    this.photo = photo;
    this.chip.hidden = !photo;
    if (!photo) dialog("photo").close();
    this.chip.replaceChildren(icon("photo"), "Editing a photo");
    this.showValues();
    this.changed.emit();
  }

  /**
   * @param {Blob} file
   * @param {Found} found
   */
  begin(file, { frame, labels, key }) {
    this.put({ source: { file, labels, frame }, key, feather: FEATHER, everywhere: false });
  }

  /**
   * Hand in the photograph of a project. It is not lost should the server not take it: `again` tries once more.
   * @param {Project} project
   * @returns {Promise<EditedPhoto>}
   */
  async handIn({ photo, photo_labels: labels, photo_frame: frame = null, settings, width, height }) {
    const { feather = FEATHER, everywhere = false, repaint = [] } = settings;
    const file = photo instanceof Blob ? photo : new Blob([fromBase64(photo)]);
    const edited = { source: { file, labels, frame }, key: "", feather, everywhere, repaint };
    try {
      const found = await this.send(file, { width, height }, frame, labels);
      return { ...edited, source: { file, labels, frame: found.frame }, key: found.key };
    } catch (error) {
      this.studio.told.emit(/** @type {Error} */ (error).message);
      return edited;
    }
  }

  /** The server does not have the photograph, or has it no longer. */
  async again() {
    if (!this.photo) return;
    const { source } = this.photo;
    const { key } = await this.send(source.file, this.studio.drawing, source.frame, source.labels);
    if (this.photo?.source === source) this.put({ ...this.photo, key });
  }

  /**
   * @param {Blob} file
   * @param {Size} size of its drawing
   * @param {Frame | null} frame null for all of it, or its middle
   * @param {string | null} labels in base 64, where they are known
   * @returns {Promise<Found>}
   */
  async send(file, { width, height }, frame, labels) {
    /** @type {Record<string, string | Blob>} */
    const fields = { photo: file, width: String(width), height: String(height) };
    if (frame) fields.frame = frame.join();
    if (labels !== null) fields.labels = new Blob([fromBase64(labels)]);
    return (await sendForm("/api/photos", fields)).json();
  }
}

/**
 * What the server must know about a photograph.
 * @param {EditedPhoto | null} photo
 * @returns {Partial<Settings>}
 */
export function settingsOf(photo) {
  if (!photo) return {};
  const { key, feather, everywhere, repaint = [] } = photo;
  return { ...(key ? { photo: key } : {}), feather, everywhere, repaint };
}
