import { dialog, field } from "./dom.js";
import { ShapeChoice } from "./shapechoice.js";
import { finenesses, frameAt, sizeOfWhole } from "./shapes.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./types.js").Frame} Frame
 * @typedef {{size: Size, frame: Frame | null}} Part the size of a drawing, and what of a picture goes into it: all of
 *   it, or where its shape is another, its middle
 */

/** Which part of a picture becomes the drawing: the whole, or what lies in a frame that one moves over it. */
export class Framing {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.choice = new ShapeChoice(studio.model, "frame", () => this.show());
    this.image = /** @type {HTMLImageElement} */ (document.getElementById("frame-picture"));
    this.box = /** @type {HTMLElement} */ (document.getElementById("frame-box"));
    this.share = field("frame-share");
    this.middle = { x: 0.5, y: 0.5 };
    this.share.addEventListener("input", () => this.show());
    this.box.addEventListener("pointerdown", (e) => this.box.setPointerCapture(e.pointerId));
    this.box.addEventListener("pointermove", (e) => this.drag(e));
    this.box.addEventListener("keydown", (e) => this.step(e));
  }

  /**
   * How a photograph is opened. A small one in the model's shape is taken as it is, of any other one is asked.
   * @param {File} file
   * @returns {Promise<Part | null>} null where the user cancelled
   */
  async photoOf(file) {
    const { model } = this.studio, { width, height } = model, picture = await this.measure(file);
    const small = picture && picture.width <= width && picture.width * height === picture.height * width;
    return !picture || small ? { size: { width, height }, frame: null } : this.ask(file, picture, []);
  }

  /**
   * How a label map is opened: at its own size where the model can paint at it.
   * @param {File} file
   * @returns {Promise<Part & {picture: Size | null, own: Size[]}>} picture: its size, where its shape is to be asked
   *   about
   */
  async mapOf(file) {
    const { drawing, model } = this.studio, picture = await this.measure(file);
    if (!picture) return { size: model, frame: null, picture, own: [] }; // the server says what is wrong with it
    const { width, height } = picture, shorts = finenesses(model), short = Math.min(width, height);
    const known = width === drawing.width && height === drawing.height;
    const fits = short >= shorts[0] && short <= /** @type {number} */ (shorts.at(-1));
    const own = fits && Math.max(width, height) <= model.limits.max_side ? [picture] : [];
    const asks = !known && width * model.height !== height * model.width;
    const size = own[0] ?? (asks ? sizeOfWhole(picture, shorts[0], model) : model);
    return { size, frame: null, picture: asks ? picture : null, own };
  }

  /**
   * Ask which part of a picture is meant.
   * @param {File} file
   * @param {Size} picture its size
   * @param {Size[]} own sizes that the whole of it can have beside the usual ones
   * @returns {Promise<Part | null>}
   */
  async ask(file, picture, own) {
    const shown = dialog("frame");
    this.image.src = URL.createObjectURL(file);
    this.middle = { x: 0.5, y: 0.5 };
    this.share.value = "100";
    shown.returnValue = "";
    shown.showModal();
    this.choice.offer({ picture, own });
    await new Promise((resolve) => shown.addEventListener("close", resolve, { once: true }));
    URL.revokeObjectURL(this.image.src);
    return shown.returnValue === "open" ? { size: this.choice.size, frame: this.frame } : null;
  }

  get cuts() {
    return this.choice.shape.id !== "whole";
  }

  /** @returns {Frame} */
  get frame() {
    const { picture } = /** @type {{picture: Size}} */ (this.choice.whole), { width, height } = this.choice.size;
    if (!this.cuts) return [0, 0, picture.width, picture.height];
    return frameAt(picture, width / height, Number(this.share.value) / 100, this.middle);
  }

  show() {
    const { whole } = this.choice;
    if (!whole) return;
    const [x, y, w, h] = this.frame, { width, height } = whole.picture;
    /** @type {[string, number][]} */
    const sides = [["left", x / width], ["top", y / height], ["width", w / width], ["height", h / height]];
    for (const [side, share] of sides) this.box.style.setProperty(side, `${100 * share}%`);
    this.box.hidden = this.share.disabled = !this.cuts;
    const within = (/** @type {number} */ at, /** @type {number} */ half) => Math.max(half, Math.min(1 - half, at));
    this.middle = { x: within(this.middle.x, w / 2 / width), y: within(this.middle.y, h / 2 / height) };
  }

  /** @param {PointerEvent} e */
  drag(e) {
    if (!this.box.hasPointerCapture(e.pointerId)) return;
    this.move(e.movementX / this.image.clientWidth, e.movementY / this.image.clientHeight);
  }

  /** @param {KeyboardEvent} e */
  step(e) {
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[e.key], far = e.shiftKey ? 0.002 : 0.02;
    if (!way) return;
    e.preventDefault();
    this.move(way[0] * far, way[1] * far);
  }

  /**
   * @param {number} x share of the picture's width
   * @param {number} y
   */
  move(x, y) {
    this.middle = { x: this.middle.x + x, y: this.middle.y + y };
    this.show();
  }

  /**
   * The size of a picture as it is shown; null for what the browser cannot show, or should not.
   * @param {File} file
   * @returns {Promise<Size | null>}
   */
  async measure(file) {
    const image = new Image(), address = URL.createObjectURL(file);
    const loaded = new Promise((resolve) => {
      image.onload = () => resolve(true);
      image.onerror = () => resolve(false);
    });
    image.src = address;
    const found = await loaded, { naturalWidth: width, naturalHeight: height } = image;
    URL.revokeObjectURL(address);
    return found && width * height <= this.studio.model.limits.max_photo_pixels ? { width, height } : null;
  }
}
