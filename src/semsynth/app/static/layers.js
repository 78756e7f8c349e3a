import { button, refill } from "./dom.js";
import { EMPTY } from "./drawing.js";
import { icon } from "./icons.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./colours.js").Colours} Colours
 * @typedef {import("./drawing.js").Layer} Layer
 */

/** Sides of a layer's small picture in pixels. */
const SIDE = 32;
/** Milliseconds within which two clicks are a double one. */
const DOUBLE = 400;

/** The list of layers, the topmost one first. */
export class Layers {
  /**
   * @param {Studio} studio
   * @param {Colours} colours
   */
  constructor(studio, colours) {
    this.studio = studio;
    this.colours = colours;
    this.list = /** @type {HTMLElement} */ (document.getElementById("layers"));
    /** The layer that is pulled to another place. */
    this.pulled = -1;
    /** The layer that was clicked last. */
    this.clicked = { index: -1, when: -Infinity };
    button("layer-add", () => this.add());
    button("layer-merge", () => this.merge());
    button("layer-remove", () => this.remove());
    button("layer-rename", () => this.rename(this.studio.drawing.active));
    button("layer-up", () => this.shift(1));
    button("layer-down", () => this.shift(-1));
    button("clear", () => this.clear());
    studio.stepped.on(() => this.build());
    this.build();
  }

  /**
   * Change the layers as one step, unless there is a reason against it, which is told.
   * @param {string} label
   * @param {string | false | undefined} why not
   * @param {() => void} action
   */
  change(label, why, action) {
    if (why) return this.studio.told.emit(why);
    this.studio.record(label, () => {
      action();
      this.studio.drawing.compose(this.studio.drawing.whole);
    });
  }

  /** Why what is on a layer may not be changed. @param {Layer | undefined} layer */
  locked(layer) {
    return layer?.locked && `${layer.name} is locked.`;
  }

  add() {
    const { drawing, model } = this.studio, most = model.limits.max_layers;
    this.change("Add layer", drawing.layers.length >= most && `There can be ${most} layers.`, () => {
      const ids = new Uint8Array(drawing.width * drawing.height).fill(EMPTY);
      drawing.active += 1;
      drawing.layers.splice(drawing.active, 0, { name: `Layer ${drawing.layers.length}`, visible: true, ids });
    });
  }

  merge() {
    const { drawing } = this.studio, index = drawing.active, under = drawing.layers[index - 1];
    const why = index === 0 ? "There is no layer below this one." : this.locked(drawing.layer) || this.locked(under);
    this.change("Merge layers", why, () => {
      const [upper] = drawing.layers.splice(index, 1);
      upper.ids.forEach((id, i) => {
        if (id !== EMPTY) under.ids[i] = id;
      });
      drawing.active = index - 1;
    });
  }

  remove() {
    const { drawing } = this.studio;
    const why = drawing.active === 0 ? "The background stays; it can be cleared." : this.locked(drawing.layer);
    this.change("Delete layer", why, () => {
      drawing.layers.splice(drawing.active, 1);
      drawing.active -= 1;
    });
  }

  /** @param {number} by */
  shift(by) {
    this.move(this.studio.drawing.active, this.studio.drawing.active + by);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  move(from, to) {
    const { drawing } = this.studio;
    if (from === to) return;
    const ends = [
      [from === 0, "The background stays at the bottom."],
      [to < 1, "Only the background is below this layer."],
      [to >= drawing.layers.length, "This is the topmost layer."],
    ];
    const why = /** @type {string | undefined} */ (ends.find(([at]) => at)?.[1]);
    this.change("Move layer", why, () => {
      const [layer] = drawing.layers.splice(from, 1);
      drawing.layers.splice(to, 0, layer);
      drawing.active = to;
    });
  }

  clear() {
    const { drawing } = this.studio;
    this.change("Clear", this.locked(drawing.layer), () => drawing.layer.ids.fill(drawing.nothing));
  }

  /** Give a layer another name, typed in the place of its name. @param {number} index */
  rename(index) {
    const { layers } = this.studio.drawing, old = layers[index].name;
    const name = this.list.children[layers.length - 1 - index].querySelector(".name");
    const input = document.createElement("input");
    input.value = old;
    input.maxLength = 80;
    input.className = "name";
    input.setAttribute("aria-label", `Name of ${old}`);
    const end = (/** @type {boolean} */ takes) => {
      input.onblur = null;
      const typed = input.value.trim();
      if (takes && typed && typed !== old) {
        this.studio.record("Rename layer", () => (this.studio.drawing.layers[index].name = typed));
      } else this.build();
      /** @type {HTMLElement | null} */ (this.list.querySelector(".chosen .name"))?.focus();
    };
    input.onblur = () => end(true);
    input.onkeydown = (e) => {
      if (!["Enter", "Escape"].includes(e.key)) return;
      e.preventDefault();
      end(e.key === "Enter");
    };
    name?.replaceWith(input);
    input.focus();
    input.select();
  }

  build() {
    const rows = this.studio.drawing.layers.map((layer, index) => this.row(layer, index));
    refill(this.list, rows.reverse());
  }

  /**
   * @param {Layer} layer
   * @param {number} index
   */
  row(layer, index) {
    const { drawing, stepped } = this.studio, chosen = index === drawing.active;
    const row = document.createElement("li");
    row.className = chosen ? "chosen" : "";
    row.draggable = index > 0;
    row.addEventListener("dragstart", () => (this.pulled = index));
    row.addEventListener("dragover", (e) => e.preventDefault());
    row.addEventListener("drop", (e) => {
      e.preventDefault();
      if (this.pulled > 0) this.move(this.pulled, index);
      this.pulled = -1;
    });
    const name = document.createElement("button");
    name.type = "button";
    name.textContent = layer.name;
    name.className = "name";
    name.title = "Double click to rename";
    name.setAttribute("aria-pressed", String(chosen));
    name.addEventListener("click", (e) => {
      const twice = e.timeStamp - this.clicked.when < DOUBLE && this.clicked.index === index;
      this.clicked = { index, when: e.timeStamp };
      if (twice && e.detail) return this.rename(index);
      drawing.active = index;
      stepped.emit(); // builds the list anew, so that the browser sees no double click
    });
    const eye = this.toggle(`Show ${layer.name}`, layer.visible, layer.visible ? "eye" : "hidden");
    eye.addEventListener("click", () => {
      this.change(layer.visible ? "Hide layer" : "Show layer", "", () => {
        drawing.layers[index].visible = !layer.visible;
      });
    });
    const lock = this.toggle(`Lock ${layer.name}`, layer.locked ?? false, "lock");
    lock.addEventListener("click", () => {
      this.change(layer.locked ? "Unlock layer" : "Lock layer", "", () => {
        drawing.layers[index].locked = !layer.locked;
      });
    });
    row.append(eye, this.small(layer), name, lock);
    return row;
  }

  /**
   * @param {string} label
   * @param {boolean} pressed
   * @param {string} shows
   */
  toggle(label, pressed, shows) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "icon toggle";
    button.setAttribute("aria-label", label);
    button.setAttribute("aria-pressed", String(pressed));
    button.append(icon(shows));
    return button;
  }

  /** A layer's small picture. @param {Layer} layer */
  small({ ids }) {
    const { width, height } = this.studio.drawing, longer = Math.max(width, height);
    const canvas = document.createElement("canvas");
    const w = (canvas.width = Math.max(1, Math.round((SIDE * width) / longer)));
    const h = (canvas.height = Math.max(1, Math.round((SIDE * height) / longer)));
    const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = g.createImageData(w, h), pixels = new Uint32Array(image.data.buffer);
    const at = (/** @type {number} */ i) => Math.floor(((i + 0.5) * longer) / SIDE);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const id = ids[Math.min(at(y), height - 1) * width + Math.min(at(x), width - 1)];
        pixels[y * w + x] = id === EMPTY ? 0 : this.colours.table[2 * id];
      }
    }
    g.putImageData(image, 0, 0);
    return canvas;
  }
}
