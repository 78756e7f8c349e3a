import { button, refill } from "./dom.js";
import { EMPTY } from "./drawing.js";
import { icon } from "./icons.js";

/** @typedef {import("./studio.js").Studio} Studio */

/** The list of layers, the topmost one first. */
export class Layers {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.list = /** @type {HTMLElement} */ (document.getElementById("layers"));
    button("layer-add", () => this.add());
    button("layer-merge", () => this.merge());
    button("layer-remove", () => this.remove());
    button("layer-up", () => this.shift(1));
    button("layer-down", () => this.shift(-1));
    button("clear", () => this.clear());
    studio.stepped.on(() => this.build());
    this.build();
  }

  add() {
    const { drawing, model } = this.studio;
    if (drawing.layers.length >= model.limits.max_layers) {
      this.studio.told.emit(`There can be ${model.limits.max_layers} layers.`);
      return;
    }
    this.studio.record("Add layer", () => {
      const ids = new Uint8Array(drawing.width * drawing.height).fill(EMPTY);
      drawing.active += 1;
      drawing.layers.splice(drawing.active, 0, { name: `Layer ${drawing.layers.length}`, visible: true, ids });
      drawing.compose(drawing.whole);
    });
  }

  merge() {
    const { drawing } = this.studio;
    const index = drawing.active;
    if (index === 0) {
      this.studio.told.emit("There is no layer below this one.");
      return;
    }
    this.studio.record("Merge layers", () => {
      const [upper] = drawing.layers.splice(index, 1);
      const below = drawing.layers[index - 1].ids;
      upper.ids.forEach((id, i) => {
        if (id !== EMPTY) below[i] = id;
      });
      drawing.active = index - 1;
      drawing.compose(drawing.whole);
    });
  }

  remove() {
    const { drawing } = this.studio;
    if (drawing.active === 0) {
      this.studio.told.emit("The background stays; it can be cleared.");
      return;
    }
    this.studio.record("Delete layer", () => {
      drawing.layers.splice(drawing.active, 1);
      drawing.active -= 1;
      drawing.compose(drawing.whole);
    });
  }

  /** @param {number} by */
  shift(by) {
    const { drawing } = this.studio;
    const from = drawing.active, to = from + by;
    if (from === 0 || to < 1 || to >= drawing.layers.length) return;
    this.studio.record("Move layer", () => {
      const [layer] = drawing.layers.splice(from, 1);
      drawing.layers.splice(to, 0, layer);
      drawing.active = to;
      drawing.compose(drawing.whole);
    });
  }

  clear() {
    const { drawing } = this.studio;
    this.studio.record("Clear", () => {
      drawing.layer.ids.fill(drawing.nothing);
      drawing.compose(drawing.whole);
    });
  }

  build() {
    const { drawing } = this.studio;
    const rows = drawing.layers.map((layer, index) => {
      const row = document.createElement("li");
      row.className = index === drawing.active ? "chosen" : "";
      const name = document.createElement("button");
      name.type = "button";
      name.textContent = layer.name;
      name.className = "name";
      name.setAttribute("aria-pressed", String(index === drawing.active));
      name.addEventListener("click", () => {
        drawing.active = index;
        this.studio.stepped.emit();
      });
      const eye = document.createElement("button");
      eye.type = "button";
      eye.className = "icon";
      eye.setAttribute("aria-label", `Show ${layer.name}`);
      eye.setAttribute("aria-pressed", String(layer.visible));
      eye.append(icon(layer.visible ? "eye" : "hidden"));
      eye.addEventListener("click", () => {
        this.studio.record(layer.visible ? "Hide layer" : "Show layer", () => {
          drawing.layers[index].visible = !layer.visible;
          drawing.compose(drawing.whole);
        });
      });
      row.append(eye, name);
      return row;
    });
    refill(this.list, rows.reverse());
  }
}
