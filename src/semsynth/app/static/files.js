import { fromBase64, pickFile, toBase64 } from "./bytes.js";
import { button, dialog } from "./dom.js";
import { Framing } from "./framing.js";
import { textOf } from "./pngtext.js";
import { sendForm } from "./server.js";
import { Signal } from "./signal.js";
import { OPENED } from "./styles.js";

/**
 * @typedef {import("./types.js").Document} Document
 * @typedef {import("./types.js").Project} Project
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./styles.js").Styles} Styles
 * @typedef {import("./photo.js").PhotoEdit} PhotoEdit
 */

const PICTURES = "image/png,image/jpeg,image/webp";

/** What is opened, and what the drawing on the table is called. */
export class Files {
  /**
   * @param {Studio} studio
   * @param {Styles} styles
   * @param {PhotoEdit} photo
   * @param {() => Settings} settings
   * @param {() => string | null} still a small picture of the drawing, as a data address
   */
  constructor(studio, styles, photo, settings, still) {
    this.studio = studio;
    this.styles = styles;
    this.photo = photo;
    this.settings = settings;
    this.still = still;
    /** Which drawing is on the table; whoever puts another there says which. @type {Document} */
    this.document = { name: "Untitled", saved: null };
    this.framing = new Framing(studio);
    /** @type {Signal<void>} */
    this.renamed = new Signal();
    this.listen();
    this.offer();
  }

  listen() {
    button("open-project", () => this.pick(".zip,application/zip", (file) => this.openProjectFile(file)));
    button("open-map", () => this.pick(PICTURES, (file) => this.openMap(file)));
    button("open-photo", () => this.pick(PICTURES, (file) => this.openPhoto(file)));
    document.addEventListener("dragover", (e) => e.preventDefault());
    document.addEventListener("drop", (e) => {
      e.preventDefault();
      const file = e.dataTransfer?.files[0];
      if (file) this.try(() => this.dropped(file, /** @type {Element} */ (e.target)));
    });
  }

  /** Hide what the model cannot do. */
  offer() {
    const { model } = this.studio, able = model.capabilities;
    for (const id of ["open-photo", "drop-photo"]) hide(id, !able.includes("photo-editing"));
    hide("drop-style", !able.includes("photo-styles"));
    hide("interface", !able.includes("interface"));
  }

  /** @param {() => Promise<unknown>} action */
  async try(action) {
    try {
      await action();
    } catch (error) {
      this.studio.told.emit(/** @type {Error} */ (error).message);
    }
  }

  /**
   * @param {string} accept
   * @param {(file: File) => Promise<void>} action
   */
  async pick(accept, action) {
    const file = await pickFile(accept);
    dialog("open").close();
    if (file) await this.try(() => action(file));
  }

  /**
   * @param {File} file
   * @param {Element} target what it was dropped on
   */
  async dropped(file, target) {
    if (/zip/.test(file.type) || file.name.endsWith(".zip")) return this.openProjectFile(file);
    if (!file.type.startsWith("image/")) {
      throw new Error(`${file.name} is neither a picture (PNG, JPEG, WebP) nor a project (.zip).`);
    }
    if (target.closest("#panel-style")) return this.styles.addPhoto(file);
    if (await mapWithin(file)) return this.openMap(file);
    await this.ask(file, "");
  }

  /**
   * Ask what a picture is, and take it for that.
   * @param {File} file
   * @param {string} known what it is not: a sentence about why it cannot be opened as a label map
   * @returns {Promise<void>}
   */
  async ask(file, known) {
    const drop = dialog("drop");
    /** @type {HTMLElement} */ (document.getElementById("drop-note")).textContent = known;
    hide("drop-note", !known);
    hide("drop-map", known !== "");
    drop.returnValue = "";
    drop.showModal();
    await new Promise((resolve) => drop.addEventListener("close", resolve, { once: true }));
    if (drop.returnValue === "map") return this.openMap(file);
    if (drop.returnValue === "style") return this.styles.addPhoto(file);
    if (drop.returnValue === "photo") return this.openPhoto(file);
  }

  // Maps

  /** @param {File} picked @returns {Promise<void>} */
  async openMap(picked) {
    const file = (await mapWithin(picked)) ?? picked;
    let reading;
    try {
      const part = await this.framing.mapOf(file);
      reading = await readMap(file, part);
      if (part.picture) {
        const chosen = await this.framing.ask(file, part.picture, part.own);
        if (!chosen) return;
        reading = await readMap(file, chosen);
      }
    } catch (error) {
      const { code, message } = /** @type {import("./server.js").ApiError} */ (error);
      if (code !== "looks-like-a-picture") throw error;
      return this.ask(file, message);
    }
    this.studio.exchange("Open map", () => {
      this.studio.drawing.replace(fromBase64(reading.ids), reading);
      this.photo.put(null);
      if (reading.settings && !reading.settings.photo) this.styles.style = reading.settings.style;
      else this.styles.begin();
      this.become(named(file));
    });
    this.studio.told.emit(["Map opened.", ...reading.notes].join(" "));
  }

  // Pictures

  /** Begin to edit a photograph. @param {File} file */
  async openPhoto(file) {
    this.studio.told.emit("Opening the photo ...");
    const part = await this.framing.photoOf(file);
    if (!part) return;
    this.studio.told.emit("Looking at the photo ...");
    const photo = new Blob([await file.arrayBuffer()]); // the file may be changed while it is edited
    const analysis = await this.photo.send(photo, part.size, part.frame, null);
    this.studio.exchange("Open photo", () => {
      this.studio.drawing.replace(fromBase64(analysis.labels), part.size);
      this.photo.begin(photo, analysis);
      const { vector, thumbnail } = analysis;
      if (vector.length) this.styles.addOwn({ name: OPENED, vector, thumbnail });
      this.become(named(file));
    });
    this.studio.told.emit("Paint where the photo should change.");
  }

  // Projects

  /** @returns {Project} */
  project() {
    const { drawing, model } = this.studio;
    const photo = this.photo.photo;
    const { photo: _, ...settings } = this.settings();
    return {
      format: 1,
      label_set: model.label_set,
      width: drawing.width,
      height: drawing.height,
      layers: drawing.layers.map(({ ids, locked = false, ...layer }) => ({ ...layer, locked, ids: toBase64(ids) })),
      active: drawing.active,
      settings,
      own_styles: this.styles.own,
      photo: photo?.source.file ?? "",
      photo_labels: photo?.source.labels ?? "",
      photo_frame: photo?.source.frame ?? null,
    };
  }

  /** The project as it is saved, with its picture. @returns {Project} */
  pictured() {
    return { ...this.project(), picture: this.still() ?? "" };
  }

  /**
   * @param {Project} project
   * @param {Document} document
   */
  async openProject(project, document) {
    const { model, drawing } = this.studio;
    if (project.label_set !== model.label_set) {
      throw new Error(`The project uses the classes of ${project.label_set}; this model has those of ${model.label_set}.`);
    }
    const photo = project.photo ? await this.photo.handIn(project) : null;
    const layers = project.layers.map(({ ids, ...layer }) => ({ ...layer, ids: fromBase64(ids) }));
    this.studio.exchange("Open project", () => {
      drawing.restore({ ...project, layers });
      this.photo.put(photo);
      this.styles.own = project.own_styles;
      this.styles.style = project.settings.style;
      this.become(document);
    });
  }

  /** @param {File} file */
  async openProjectFile(file) {
    const project = await (await sendForm("/api/projects/read", { project: file })).json();
    await this.openProject(project, named(file));
    this.studio.told.emit("Project opened");
  }

  get name() {
    return this.document.name;
  }

  /** Another drawing is on the table. @param {Document} other */
  become(other) {
    this.document = other;
    this.showName();
  }

  /**
   * A drawing was saved as a project: under its first name it is the same drawing, under another one a new one.
   * @param {Document} drawn what was saved; by now another drawing may be on the table
   * @param {string} name
   * @param {number | null} saved
   */
  keptAs(drawn, name, saved) {
    if (drawn.saved === null || drawn.name === name) Object.assign(drawn, { name, saved });
    else if (this.document === drawn) this.document = { name, saved };
    this.showName();
  }

  showName() {
    const shown = document.getElementById("project-name");
    if (shown) shown.textContent = this.name;
    document.title = `${this.name} - semsynth`;
    this.renamed.emit();
  }
}

/**
 * The drawing that a file holds: it has the file's name, and is no saved project.
 * @param {File} file
 * @returns {Document}
 */
function named(file) {
  return { name: file.name.replace(/\.\w+$/, "").slice(0, 64).trim() || "Untitled", saved: null };
}

/**
 * The label map that an exported picture holds; null for any other file.
 * @param {File} file
 * @returns {Promise<File | null>}
 */
async function mapWithin(file) {
  const text = textOf(new Uint8Array(await file.arrayBuffer()), "semsynth:labels");
  if (!text || /[^A-Za-z0-9+/=]/.test(text)) return null;
  return new File([fromBase64(text)], file.name, { type: "image/png" });
}

/**
 * @param {File} file
 * @param {import("./framing.js").Part} part
 */
async function readMap(file, { size, frame }) {
  /** @type {Record<string, string | Blob>} */
  const form = { map: file, width: String(size.width), height: String(size.height) };
  if (frame) form.frame = frame.join();
  return (await sendForm("/api/maps/read", form)).json();
}

/**
 * A project as the server takes it.
 * @param {Project} project
 * @returns {Promise<Project>}
 */
export async function packed(project) {
  const { photo } = project;
  return photo instanceof Blob ? { ...project, photo: toBase64(new Uint8Array(await photo.arrayBuffer())) } : project;
}

/**
 * @param {string} id
 * @param {boolean} hidden
 */
function hide(id, hidden) {
  const element = document.getElementById(id);
  if (element) element.hidden = hidden;
}
