// Which key does what.

import { dialog, press } from "./dom.js";
import { remember } from "./preferences.js";
import { stamp, toolsFor } from "./tools/index.js";
import { repaintSelection } from "./tools/repaint.js";

/**
 * @typedef {import("./shortcuts.js").Section} Section
 * @typedef {object} Parts what the page is made of
 * @property {import("./studio.js").Studio} studio
 * @property {import("./view.js").View} view
 * @property {import("./colours.js").Colours} colours
 * @property {import("./input.js").Input} input
 * @property {import("./toolbar.js").Toolbar} toolbar
 * @property {import("./palette.js").Palette} palette
 * @property {import("./styles.js").Styles} styles
 * @property {import("./layers.js").Layers} layers
 * @property {import("./pictures.js").Pictures} pictures
 * @property {import("./tabs.js").Tabs} tabs
 * @property {import("./selectionbar.js").SelectionBar} selectionBar
 */

/** @param {Pick<Parts, "colours" | "view">} parts */
export function togglePatterns({ colours, view }) {
  colours.patterned = !colours.patterned;
  remember("patterns", colours.patterned);
  press("patterns", colours.patterned);
  view.refresh(true);
}

export function toggleTheme() {
  const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  document.documentElement.dataset.theme = next;
  remember("theme", next);
}

export function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.body.requestFullscreen();
}

/** Hide the palette and its neighbours, or show them. */
export function togglePanel() {
  const panel = document.body.toggleAttribute("data-alone");
  remember("panel", !panel);
  press("panel", !panel);
}

/**
 * @param {Parts} parts
 * @returns {Section[]}
 */
export function keymap(parts) {
  const tools = toolsFor(parts.studio.model).map((tool) => ({
    keys: tool.key,
    does: tool.label,
    action: () => {
      if (tool === stamp && parts.input.tool === stamp) dialog("stamps").showModal();
      else parts.toolbar.choose(tool);
    },
  }));
  return [{ title: "Tools", shortcuts: tools }, drawing(parts), selection(parts), classes(parts), picture(parts), files()];
}

/**
 * End what is being done, or else the selection.
 * @param {Parts["studio"]} studio
 * @param {Parts["input"]} input
 */
function escape(studio, input) {
  const busy = input.stop();
  input.cancel();
  if (!busy) studio.selection.set(null);
}

/**
 * @param {Parts} parts
 * @returns {Section}
 */
function drawing({ studio, layers, input }) {
  return {
    title: "Drawing",
    shortcuts: [
      { keys: "[", does: "Smaller brush", action: () => studio.resize(Math.min(studio.size - 1, studio.size * 0.85)) },
      { keys: "]", does: "Larger brush", action: () => studio.resize(Math.max(studio.size + 1, studio.size * 1.15)) },
      { keys: "Shift+m", does: "Mirror strokes", action: () => studio.toggleMirror() },
      { keys: "Mod+z", does: "Undo", action: () => input.undo() },
      { keys: "Mod+Shift+z", does: "Redo", action: () => input.redo() },
      { keys: "Mod+y", does: "Redo", action: () => input.redo() },
      { keys: "Shift+Delete", does: "Clear the layer", action: () => layers.clear() },
      { keys: "Escape", does: "Cancel; select nothing", action: () => escape(studio, input) },
    ],
  };
}

/**
 * @param {Parts} parts
 * @returns {Section}
 */
function selection({ studio, selectionBar: bar }) {
  return {
    title: "Selection",
    shortcuts: [
      { keys: "Mod+a", does: "Select everything", action: () => studio.selection.all() },
      { keys: "Mod+d", does: "Select nothing", action: () => studio.selection.set(null) },
      { keys: "Mod+j", does: "Duplicate", action: () => studio.selection.duplicate() },
      { keys: "Delete", does: "Delete", action: () => studio.selection.remove() },
      ...(studio.model.capabilities.includes("photos")
        ? [{ keys: "Shift+t", does: "Repaint what is selected", action: () => repaintSelection(studio) }]
        : []),
      { keys: "Shift+h", does: "Mirror", action: () => bar.mirror() },
      { keys: "Shift+v", does: "Turn upside down", action: () => bar.flip() },
      { keys: ",", does: "Turn left", action: () => bar.turn(-15) },
      { keys: ".", does: "Turn right", action: () => bar.turn(15) },
      { keys: "Mod+ArrowUp", does: "Larger", action: () => bar.scale(1) },
      { keys: "Mod+ArrowDown", does: "Smaller", action: () => bar.scale(-1) },
    ],
  };
}

/**
 * @param {Parts} parts
 * @returns {Section}
 */
function classes(parts) {
  const { studio, palette, tabs } = parts;
  const search = () => {
    tabs.open(0);
    palette.search.focus();
  };
  const style = () => document.getElementById("class-style")?.click();
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({
    keys: String(n),
    does: n === 1 ? "First class of the list, and so on" : "",
    action: () => palette.nth(n - 1),
  }));
  return {
    title: "Classes",
    shortcuts: [
      { keys: "/", does: "Find a class", action: search },
      ...numbers,
      { keys: "y", does: "Favourite", action: () => palette.toggleFavourite() },
      { keys: "m", does: "Lock the class", action: () => studio.toggleLock(studio.classId) },
      { keys: "j", does: "Show where it is", action: () => palette.locate() },
      ...(studio.model.capabilities.includes("class-styles") ? [{ keys: "Shift+d", does: "Style of the class", action: style }] : []),
      { keys: "q", does: "Patterns", action: () => togglePatterns(parts) },
    ],
  };
}

/**
 * @param {Parts} parts
 * @returns {Section}
 */
function picture({ view, styles, pictures, toolbar, studio }) {
  const dice = { keys: "d", does: "Another random style", action: () => styles.roll() };
  return {
    title: "Picture",
    shortcuts: [
      ...(studio.model.style_dim === null ? [] : [dice]),
      { keys: "k", does: "Keep this picture", action: () => pictures.keep() },
      { keys: "v", does: "Next view", action: () => toolbar.nextMode() },
      { keys: "0", does: "Fit", action: () => view.fit() },
      { keys: "+", does: "Zoom in", action: () => view.zoomBy(1.25) },
      { keys: "-", does: "Zoom out", action: () => view.zoomBy(0.8) },
      { keys: "f", does: "Full screen", action: toggleFullscreen },
      { keys: "\\", does: "Hide or show the panel", action: togglePanel },
    ],
  };
}

/** @returns {Section} */
function files() {
  const click = (/** @type {string} */ id) => () => document.getElementById(id)?.click();
  return {
    title: "Files",
    shortcuts: [
      { keys: "n", does: "New", action: click("new") },
      { keys: "Mod+o", does: "Open", action: click("open") },
      { keys: "Mod+s", does: "Save", action: click("save") },
      { keys: "Mod+Shift+s", does: "Save under another name", action: click("save-as") },
      { keys: "Mod+e", does: "Export", action: click("export") },
      { keys: "?", does: "This sheet", action: () => dialog("help").showModal() },
    ],
  };
}

/** What the canvas itself listens to; told in the sheet, done in input.js. @type {Section} */
export const ON_CANVAS = {
  title: "On the canvas",
  shortcuts: [
    ["wheel", "Zoom"],
    ["Shift+wheel", "Brush size"],
    [" +drag", "Move the view"],
    ["Alt+click", "Take a class"],
    ["Shift+click", "Draw a line from the last stroke"],
    ["double click", "Close the polygon"],
    ["two fingers", "Zoom and move"],
    ["arrows", "Move the keyboard's brush, or what is selected"],
    ["Enter", "Close the polygon; start or stop painting"],
  ].map(([keys, does]) => ({ keys, does, action: () => {} })),
};
