import { download, fromBase64, pickFile, toBase64 } from "./bytes.js";
import { ask, FORMAT } from "./connection.js";
import { button } from "./palette.js";
import { call, sendForm, sendJson } from "./server.js";

/**
 * @typedef {import("./types.js").Project} Project
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./styles.js").Styles} Styles
 * @typedef {import("./photo.js").PhotoEdit} PhotoEdit
 */

const PICTURES = "image/png,image/jpeg,image/webp";

/** Everything that goes to files and comes from them. */
export class Files {
  /**
   * @param {Studio} studio
   * @param {Styles} styles
   * @param {PhotoEdit} photo
   * @param {() => Settings} settings
   */
  constructor(studio, styles, photo, settings) {
    this.studio = studio;
    this.styles = styles;
    this.photo = photo;
    this.settings = settings;
    this.name = "Untitled";
    this.listen();
    this.offer();
  }

  listen() {
    button("open", () => this.showOpen());
    button("save", () => this.showSave());
    button("export", () => dialog("export").showModal());
    button("open-project", () => this.pick(".zip,application/zip", (file) => this.openProjectFile(file)));
    button("open-map", () => this.pick(PICTURES, (file) => this.openMap(file)));
    button("open-photo", () => this.pick(PICTURES, (file) => this.photo.open(file)));
    button("save-file", () => this.try(() => this.exportProject()));
    button("export-picture", () => this.try(() => this.exportPicture()));
    button("export-map", () => this.try(() => this.exportMap()));
    button("export-both", () => this.try(() => this.exportPicture().then(() => this.exportMap())));
    button("export-project", () => this.try(() => this.exportProject()));
    document.getElementById("save-form")?.addEventListener("submit", () => this.try(() => this.save()));
    document.addEventListener("dragover", (e) => e.preventDefault());
    document.addEventListener("drop", (e) => {
      e.preventDefault();
      const file = e.dataTransfer?.files[0];
      if (file) this.try(() => this.dropped(file, /** @type {Element} */ (e.target)));
    });
  }

  /** Hide what the model cannot do. */
  offer() {
    const { model } = this.studio;
    for (const id of ["open-photo", "drop-photo"]) hide(id, !model.segments);
    hide("drop-style", !model.encodes);
    const scale = /** @type {HTMLSelectElement} */ (document.getElementById("export-scale"));
    for (let n = 1; n <= model.limits.max_scale; n++) {
      scale.append(new Option(`${n}x  (${model.width * n} x ${model.height * n})`, String(n)));
    }
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
    if (target.closest("#panel-style")) return this.styles.addPhoto(file);
    const drop = dialog("drop");
    drop.returnValue = "";
    drop.showModal();
    await new Promise((resolve) => drop.addEventListener("close", resolve, { once: true }));
    if (drop.returnValue === "map") return this.openMap(file);
    if (drop.returnValue === "style") return this.styles.addPhoto(file);
    if (drop.returnValue === "photo") return this.photo.open(file);
  }

  // Maps

  /** @param {Blob} file */
  async openMap(file) {
    const { width, height } = this.studio.drawing;
    const form = { map: file, width: String(width), height: String(height) };
    const found = await (await sendForm("/api/maps/read", form)).json();
    this.photo.close();
    this.studio.record("Open map", () => this.studio.drawing.replace(fromBase64(found.ids)));
    if (found.settings && !("photo" in found.settings && found.settings.photo)) this.styles.look = found.settings.look;
    this.studio.told.emit(["Map opened.", ...found.notes].join(" "));
  }

  async exportMap() {
    const { drawing } = this.studio;
    const { photo: _, ...settings } = this.settings();
    const body = { width: drawing.width, height: drawing.height, ids: toBase64(drawing.ids), settings };
    const answer = await sendJson("/api/maps/write", body);
    download(await answer.blob(), `${this.name} map.png`);
  }

  // Pictures

  async exportPicture() {
    const { drawing } = this.studio;
    const kind = /** @type {"png" | "jpeg" | "webp"} */ (value("export-format"));
    const job = {
      ids: drawing.ids.slice(),
      width: drawing.width,
      height: drawing.height,
      settings: this.settings(),
      format: FORMAT[kind],
      scale: Number(value("export-scale")),
    };
    await ask([job], (picture) => {
      const blob = new Blob([picture.bytes], { type: `image/${kind}` });
      download(blob, `${this.name}.${kind === "jpeg" ? "jpg" : kind}`);
    });
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
      layers: drawing.layers.map(({ name, visible, ids }) => ({ name, visible, ids: toBase64(ids) })),
      active: drawing.active,
      settings,
      own_styles: this.styles.own,
      photo: photo?.png ?? "",
      photo_labels: photo?.labels ?? "",
    };
  }

  /**
   * @param {Project} project
   * @param {string} name
   */
  async openProject(project, name) {
    const { model, drawing } = this.studio;
    if (project.label_set !== model.label_set) {
      throw new Error(`The project uses the classes of ${project.label_set}; this model has those of ${model.label_set}.`);
    }
    if (project.width !== drawing.width || project.height !== drawing.height) {
      throw new Error(`The project has ${project.width}x${project.height} pixels, this model ${drawing.width}x${drawing.height}.`);
    }
    this.photo.close();
    const layers = project.layers.map(({ name, visible, ids }) => ({ name, visible, ids: fromBase64(ids) }));
    this.studio.record("Open project", () => drawing.restore({ layers, active: project.active }));
    this.styles.own = project.own_styles;
    this.styles.look = project.settings.look;
    this.rename(name);
    if (project.photo) {
      this.photo.feather = project.settings.feather ?? 8;
      this.photo.everywhere = project.settings.everywhere ?? false;
      await this.photo.resume(project.photo, project.photo_labels);
    }
    this.studio.told.emit("Project opened");
  }

  /** @param {File} file */
  async openProjectFile(file) {
    const project = await (await sendForm("/api/projects/read", { project: file })).json();
    await this.openProject(project, file.name.replace(/\.zip$/, ""));
  }

  async exportProject() {
    const answer = await sendJson("/api/projects/write", this.project());
    download(await answer.blob(), `${this.name}.zip`);
  }

  showSave() {
    const name = /** @type {HTMLInputElement} */ (document.getElementById("save-name"));
    name.value = this.name;
    dialog("save").showModal();
    name.select();
  }

  async save() {
    const name = value("save-name").trim();
    await sendJson(`/api/projects/${encodeURIComponent(name)}`, this.project(), "PUT");
    this.rename(name);
    this.studio.told.emit(`Saved as ${name}`);
  }

  async showOpen() {
    dialog("open").showModal();
    await this.try(() => this.listProjects());
  }

  async listProjects() {
    const rows = await (await call("/api/projects")).json();
    const list = /** @type {HTMLElement} */ (document.getElementById("projects"));
    list.replaceChildren(...rows.map((/** @type {{name: string, saved: number}} */ row) => this.projectRow(row)));
    if (!rows.length) list.textContent = "None yet.";
  }

  /** @param {{name: string, saved: number}} row */
  projectRow({ name, saved }) {
    const item = document.createElement("li");
    const open = document.createElement("button");
    open.type = "button";
    open.className = "name";
    open.textContent = name;
    const when = document.createElement("small");
    when.textContent = new Date(saved * 1000).toLocaleString();
    open.append(when);
    open.addEventListener("click", () => {
      dialog("open").close();
      this.try(async () => this.openProject(await (await call(`/api/projects/${encodeURIComponent(name)}`)).json(), name));
    });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Delete";
    remove.setAttribute("aria-label", `Delete ${name}`);
    remove.addEventListener("click", () => {
      if (remove.dataset.sure) {
        this.try(async () => {
          await call(`/api/projects/${encodeURIComponent(name)}`, { method: "DELETE" });
          await this.listProjects();
        });
      } else {
        remove.dataset.sure = "yes";
        remove.textContent = "Really delete?";
      }
    });
    item.append(open, remove);
    return item;
  }

  /** @param {string} name */
  rename(name) {
    this.name = name;
    const shown = document.getElementById("project-name");
    if (shown) shown.textContent = name;
    document.title = `${name} - semsynth`;
  }
}

/**
 * @param {string} name
 * @returns {HTMLDialogElement}
 */
export function dialog(name) {
  return /** @type {HTMLDialogElement} */ (document.getElementById(`dialog-${name}`));
}

/** @param {string} id */
function value(id) {
  return /** @type {HTMLInputElement} */ (document.getElementById(id)).value;
}

/**
 * @param {string} id
 * @param {boolean} hidden
 */
function hide(id, hidden) {
  const element = document.getElementById(id);
  if (element) element.hidden = hidden;
}
