import { download, toBase64 } from "./bytes.js";
import { ask, FORMAT } from "./connection.js";
import { button, dialog, field } from "./dom.js";
import { packed } from "./files.js";
import { openRaster } from "./openraster.js";
import { seamless } from "./seamless.js";
import { sendJson } from "./server.js";
import { contactSheet } from "./sheet.js";
import { timeLapse } from "./timelapse.js";

/** Everything that is written to files. */
export class Exports {
  /**
   * @param {import("./files.js").Files} files
   * @param {import("./colours.js").Colours} colours
   */
  constructor(files, colours) {
    this.files = files;
    this.studio = files.studio;
    this.colours = colours;
    button("export", () => {
      this.offerSizes();
      dialog("export").showModal();
    });
    /** @type {Record<string, () => Promise<void>>} */
    const writes = {
      "save-file": () => this.exportProject(),
      "export-picture": () => this.exportPicture(),
      "export-map": () => this.exportMap(),
      "export-both": () => this.exportPicture().then(() => this.exportMap()),
      "export-project": () => this.exportProject(),
      "export-sheet": () => this.exportSheet(),
      "export-ora": () => this.exportRaster(),
      "export-lapse": () => this.exportLapse(),
    };
    for (const [id, write] of Object.entries(writes)) button(id, () => files.try(write));
  }

  /** The sizes in which the picture can be exported. */
  offerSizes() {
    const { drawing: { width, height }, model } = this.studio;
    const scale = /** @type {HTMLSelectElement} */ (document.getElementById("export-scale")), { value } = scale;
    const times = Array.from({ length: model.limits.max_scale }, (_, i) => i + 1);
    const before = scale.options[0]?.value === "0";
    scale.replaceChildren(...times.map((n) => new Option(`${n}x  (${width * n} x ${height * n})`, String(n))));
    const frame = this.files.photo.photo?.source.frame;
    if (frame) scale.prepend(new Option(`As the photo  (${frame[2]} x ${frame[3]})`, "0"));
    scale.value = frame && !before ? "0" : value || "1";
    if (!scale.value) scale.value = "1"; // what was chosen before is not offered
  }

  async exportPicture() {
    const kind = /** @type {"png" | "jpeg" | "webp"} */ (field("export-format").value);
    const scale = Number(field("export-scale").value), repeats = field("export-repeats").value;
    const name = `${this.files.name}.${kind === "jpeg" ? "jpg" : kind}`;
    if (repeats) {
      const how = { scale, kind: `image/${kind}`, both: repeats === "both" };
      return download(await seamless(this.studio, this.files.settings(), how), name);
    }
    const { bytes } = await this.picture(kind, scale);
    download(new Blob([bytes], { type: `image/${kind}` }), name);
  }

  /**
   * The picture of the drawing as a file.
   * @param {"png" | "jpeg" | "webp"} kind
   * @param {number} scale
   * @returns {Promise<import("./connection.js").Picture>}
   */
  async picture(kind, scale) {
    const { ids, width, height } = this.studio.drawing, settings = this.files.settings();
    /** @type {import("./connection.js").Picture[]} */
    const pictures = [];
    const job = { ids: ids.slice(), width, height, settings, format: FORMAT[kind], scale };
    await ask([job], (picture) => void pictures.push(picture));
    return pictures[0];
  }

  /** The picture with a layer for each class. */
  async exportRaster() {
    const { drawing: { ids, width, height }, classes } = this.studio, map = { ids: ids.slice(), width, height };
    const picture = await this.picture("png", Number(field("export-scale").value));
    download(await openRaster(map, classes, picture), `${this.files.name}.ora`);
  }

  /** The drawing in all styles on one sheet. */
  async exportSheet() {
    const { name, styles, settings } = this.files;
    const choices = styles.choices().map(({ label, style }) => ({ label, style: styles.whole(style) }));
    download(await contactSheet(this.studio, name, choices, settings()), `${name} styles.png`);
    this.studio.told.emit("The contact sheet is written.");
  }

  /** How the drawing came to be. */
  async exportLapse() {
    const video = await timeLapse(this.studio, this.colours);
    download(video, `${this.files.name}.${video.type.split("/")[1]}`);
    this.studio.told.emit("The time lapse is written.");
  }

  async exportMap() {
    const { drawing } = this.studio;
    const { photo: _, ...settings } = this.files.settings();
    const body = { width: drawing.width, height: drawing.height, ids: toBase64(drawing.ids), settings };
    const answer = await sendJson("/api/maps/write", body);
    download(await answer.blob(), `${this.files.name} map.png`);
  }

  async exportProject() {
    const answer = await sendJson("/api/projects/write", await packed(this.files.pictured()));
    download(await answer.blob(), `${this.files.name}.zip`);
  }
}
