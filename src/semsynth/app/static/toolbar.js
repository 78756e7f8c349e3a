import { button, check, field, press, radio } from "./dom.js";
import { icon } from "./icons.js";
import { walkRadios } from "./tiles.js";
import { toolsFor } from "./tools/index.js";
import { MODES } from "./view.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./view.js").View} View
 * @typedef {import("./input.js").Input} Input
 * @typedef {import("./tools/tool.js").Tool} Tool
 */

/** The tools, the options of the chosen one, and the views. */
export class Toolbar {
  /**
   * @param {Studio} studio
   * @param {View} view
   * @param {Input} input
   */
  constructor(studio, view, input) {
    this.studio = studio;
    this.view = view;
    this.input = input;
    this.rail = /** @type {HTMLElement} */ (document.getElementById("tools"));
    this.views = /** @type {HTMLElement} */ (document.getElementById("views"));
    /** Those that have something to show for the chosen tool. @type {((tool: Tool) => void)[]} */
    this.followers = [];
    this.size = /** @type {HTMLInputElement} */ (document.getElementById("size"));
    this.build();
    this.size.addEventListener("input", () => studio.resize(Number(this.size.value)));
    document.getElementById("blend")?.addEventListener("input", (e) => {
      view.blend = Number(/** @type {HTMLInputElement} */ (e.target).value) / 100;
      view.refresh();
    });
    const edge = field("wipe");
    edge.addEventListener("input", () => view.moveEdge(Number(edge.value) / 100));
    const split = field("split");
    split.addEventListener("input", () => view.divide(Number(split.value) / 100));
    const show = () => {
      edge.value = String(Math.round(view.wipe * 100));
      split.value = String(Math.round(view.split * 100));
    };
    view.slid.on(show);
    show();
    for (const signal of [studio.chosen, studio.stepped]) signal.on(() => this.showSize());
    button("mirror", () => studio.toggleMirror());
    studio.chosen.on(() => press("mirror", studio.mirrored));
    this.choose(input.tool);
    this.setMode(view.mode);
    this.showSize();
  }

  build() {
    for (const tool of toolsFor(this.studio.model)) {
      const choice = radio(() => {
        this.choose(tool);
        if (matchMedia("(hover: none)").matches) this.studio.told.emit(`${tool.label}: ${tool.hint}`);
      });
      choice.id = `tool-${tool.id}`;
      choice.className = "icon";
      choice.setAttribute("aria-label", tool.label);
      choice.title = `${tool.label} (${tool.key.replace(/.$/, (letter) => letter.toUpperCase())})`;
      const name = document.createElement("span");
      name.textContent = tool.label;
      choice.append(icon(tool.id), name);
      this.rail.append(choice);
    }
    for (const mode of MODES) {
      const choice = radio(() => this.setMode(mode.id));
      choice.id = `view-${mode.id}`;
      choice.textContent = mode.label;
      this.views.append(choice);
    }
    for (const group of [this.rail, this.views]) group.addEventListener("keydown", (e) => walkRadios(e, group));
  }

  /** @param {Tool} tool */
  choose(tool) {
    this.input.choose(tool);
    for (const follow of this.followers) follow(tool);
    check(this.rail, `tool-${tool.id}`);
    const hint = /** @type {HTMLElement} */ (document.getElementById("tool-hint"));
    hint.textContent = `${tool.label}: ${tool.hint}`;
    /** @type {HTMLElement} */ (document.getElementById("size-control")).hidden = !tool.sized;
  }

  /** @param {string} mode */
  setMode(mode) {
    const known = MODES.some((m) => m.id === mode) ? mode : "side";
    this.view.setMode(known);
    check(this.views, `view-${known}`);
    /** @type {HTMLElement} */ (document.getElementById("blend-control")).hidden = known !== "overlay";
    /** @type {HTMLElement} */ (document.getElementById("wipe-control")).hidden = known !== "wipe";
    /** @type {HTMLElement} */ (document.getElementById("split-control")).hidden = known !== "side";
  }

  nextMode() {
    const here = MODES.findIndex((m) => m.id === this.view.mode);
    const next = MODES[(here + 1) % MODES.length];
    this.setMode(next.id);
    this.studio.told.emit(next.label);
  }

  showSize() {
    this.size.max = String(this.studio.maxSize);
    this.size.value = String(this.studio.size);
    const value = document.getElementById("size-value");
    if (value) value.textContent = String(this.studio.size);
  }
}
