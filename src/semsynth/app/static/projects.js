import { button, dialog, field, refill } from "./dom.js";
import { packed } from "./files.js";
import { call, sendJson } from "./server.js";

/**
 * @typedef {import("./files.js").Files} Files
 * @typedef {import("./types.js").Document} Document
 * @typedef {{name: string, saved: number, picture?: string}} Row picture: its address, where it is not the server's
 */

const NAMES = "A name begins with a letter or digit; letters, digits, spaces and - _ ' , ( ) & + ! may follow.";
const SAVED_SINCE = "This project was saved since, from another page or a later state; that would be lost.";

/** The projects that are kept here: saving, the list, opening, deleting. */
export class Projects {
  /** @param {Files} files */
  constructor(files) {
    this.files = files;
    this.list = /** @type {HTMLElement} */ (document.getElementById("projects"));
    this.dialog = dialog("save");
    this.name = field("save-name");
    this.saveButton = /** @type {HTMLButtonElement} */ (document.getElementById("save-here"));
    button("open", () => this.showOpen());
    button("save", () => this.saveAgain());
    button("save-as", () => this.showSave());
    this.name.addEventListener("input", () => this.ask(false));
    this.saving = false;
    this.name.addEventListener("keydown", (e) => e.repeat && e.key === "Enter" && e.preventDefault()); // no answer
    document.getElementById("save-form")?.addEventListener("submit", async (e) => {
      e.preventDefault(); // stays open while there is something to ask
      await this.once();
    });
  }

  showSave() {
    this.name.value = this.files.name.replace(/[^\p{L}\p{M}\p{N} \-_'’,()&+!]+/gu, " ").replace(/^[^\p{L}\p{N}]+/u, "");
    this.ask(false);
    this.dialog.showModal();
    this.name.select();
  }

  /**
   * Ask whether another project shall be replaced, or ask no more.
   * @param {boolean} taken
   * @param {string} [why]
   */
  ask(taken, why = "Another project has this name; it would be lost.") {
    this.sure = taken;
    this.saveButton.textContent = taken ? "Replace?" : "Save";
    this.note(taken ? why : "");
  }

  /** @param {string} text */
  note(text) {
    /** @type {HTMLElement} */ (document.getElementById("save-note")).textContent = text;
  }

  /** Save the drawing under the name it was saved as before, or ask for one. */
  async saveAgain() {
    if (this.files.document.saved === null) return this.showSave();
    this.name.value = this.files.name;
    this.ask(false);
    await this.once();
  }

  /** Save, unless that is still under way. */
  async once() {
    if (this.saving) return;
    this.saving = true;
    await this.save().finally(() => (this.saving = false));
  }

  async save() {
    const { files } = this;
    const name = this.name.value.trim();
    if (!name || !this.name.checkValidity()) return this.note(NAMES);
    // Taken together, before anything is waited for: another drawing may be on the table when the answer comes.
    const drawn = files.document, project = files.pictured(), sure = this.sure;
    const own = drawn.saved !== null && drawn.name === name;
    try {
      const replace = sure || (own && (await savedAt(name)) === drawn.saved);
      await sendJson(`${address(name)}?replace=${replace}`, await packed(project), "PUT");
      files.keptAs(drawn, name, await savedAt(name));
      files.studio.told.emit(`Saved as ${name}`);
    } catch (error) {
      const failure = /** @type {import("./server.js").ApiError} */ (error);
      if (!this.dialog.open) this.showSave();
      if (failure.code === "name-taken") this.ask(true, own ? SAVED_SINCE : undefined);
      else this.note(failure.message);
      return;
    }
    this.dialog.close();
  }

  async showOpen() {
    dialog("open").showModal();
    await this.files.try(() => this.fill());
  }

  async fill() {
    const rows = await list();
    const shown = rows.length ? rows.map((row) => this.row(row)) : ["None yet."];
    refill(this.list, shown, document.getElementById("open-project"));
  }

  /** @param {Row} row */
  row({ name, saved, picture: small }) {
    const item = document.createElement("li");
    const open = document.createElement("button");
    open.type = "button";
    open.className = "name";
    open.textContent = name;
    const when = document.createElement("small");
    when.textContent = new Date(saved * 1000).toLocaleString();
    const picture = document.createElement("img");
    picture.src = small ?? `${address(name)}/picture?${saved}`;
    picture.alt = "";
    picture.loading = "lazy";
    picture.onerror = () => picture.removeAttribute("src"); // saved by an earlier version
    open.prepend(picture);
    open.append(when);
    open.addEventListener("click", () => {
      dialog("open").close();
      this.files.try(async () => {
        await this.files.openProject(await (await call(address(name))).json(), { name, saved });
        this.files.studio.told.emit("Project opened");
      });
    });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Delete";
    remove.setAttribute("aria-label", `Delete ${name}`);
    remove.addEventListener("click", () => {
      if (remove.dataset.sure) this.files.try(() => this.remove(name));
      else {
        remove.dataset.sure = "yes";
        remove.textContent = "Really delete?";
        remove.setAttribute("aria-label", `Really delete ${name}?`);
      }
    });
    item.append(open, remove);
    return item;
  }

  /** @param {string} name */
  async remove(name) {
    await call(address(name), { method: "DELETE" });
    await this.fill();
  }
}

/** @returns {Promise<Row[]>} */
async function list() {
  return (await call("/api/projects")).json();
}

/**
 * When the project of this name was saved, by whomever.
 * @param {string} name
 * @returns {Promise<number | null>}
 */
async function savedAt(name) {
  return (await list()).find((row) => row.name === name)?.saved ?? null;
}

/** @param {string} name */
function address(name) {
  return `/api/projects/${encodeURIComponent(name)}`;
}
