import { check, radio } from "./dom.js";
import { finenesses, shapesOf, sizeOf, sizeOfWhole } from "./shapes.js";
import { walkRadios } from "./tiles.js";

/**
 * @typedef {import("./types.js").Model} Model
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./shapes.js").Shape} Shape
 */

/** Where one chooses the shape and the size of a drawing. */
export class ShapeChoice {
  /**
   * @param {Model} model
   * @param {string} name the elements are called name-shapes and name-size
   * @param {() => void} changed
   */
  constructor(model, name, changed) {
    this.model = model;
    this.name = name;
    this.changed = changed;
    this.group = /** @type {HTMLElement} */ (document.getElementById(`${name}-shapes`));
    this.sizes = /** @type {HTMLSelectElement} */ (document.getElementById(`${name}-size`));
    /** A picture that can be taken whole, and sizes that its drawing may have beside the usual ones. */
    this.whole = /** @type {{picture: Size, own: Size[]} | null} */ (null);
    this.shape = this.shapes[0];
    this.group.addEventListener("keydown", (e) => walkRadios(e, this.group));
    this.sizes.addEventListener("change", changed);
    this.build();
  }

  /** @returns {Shape[]} */
  get shapes() {
    const cuts = shapesOf(this.model);
    if (!this.whole) return cuts;
    const { width, height } = this.whole.picture;
    return [{ id: "whole", label: "Whole", ratio: width / height }, ...cuts];
  }

  /** @returns {Size} */
  get size() {
    return this.options()[Number(this.sizes.value)] ?? this.options()[0];
  }

  /** The sizes that a drawing of the chosen shape can have. @returns {Size[]} */
  options() {
    const { model, whole, shape } = this, shorts = finenesses(model);
    if (whole && shape.id === "whole") {
      return [...whole.own, ...shorts.map((short) => sizeOfWhole(whole.picture, short, model))];
    }
    return shorts.map((short) => sizeOf(shape.ratio, short, model)).filter((size) => size !== null);
  }

  /** Offer a picture as a whole, too. @param {{picture: Size, own: Size[]}} whole */
  offer(whole) {
    this.whole = whole;
    this.sizes.value = "0";
    this.choose(this.shapes[0]);
  }

  /** @param {Shape} shape */
  choose(shape) {
    this.shape = shape;
    this.build();
    this.changed();
  }

  build() {
    const buttons = this.shapes.map((shape) => {
      const button = radio(() => this.choose(shape));
      button.id = `${this.name}-${shape.id}`;
      const sketch = document.createElement("i");
      sketch.style.aspectRatio = String(shape.ratio);
      sketch.className = shape.ratio < 1 ? "sketch upright" : "sketch";
      button.append(sketch, shape.label);
      return button;
    });
    const focused = this.group.contains(document.activeElement);
    this.group.replaceChildren(...buttons);
    check(this.group, `${this.name}-${this.shape.id}`);
    if (focused) /** @type {HTMLElement | null} */ (this.group.querySelector("[aria-checked=true]"))?.focus();
    const { value } = this.sizes, sizes = this.options();
    this.sizes.replaceChildren(...sizes.map(({ width, height }, i) => new Option(`${width} x ${height}`, String(i))));
    this.sizes.value = value && sizes[Number(value)] ? value : "0";
  }
}
