// Puts the page together.

import { Autosave } from "./autosave.js";
import { Colours } from "./colours.js";
import { Examples } from "./examples.js";
import { dialog, Files } from "./files.js";
import { fillIcons } from "./icons.js";
import { Input } from "./input.js";
import { Layers } from "./layers.js";
import { Live } from "./live.js";
import { button, Palette, press } from "./palette.js";
import { PhotoEdit } from "./photo.js";
import { Pictures } from "./pictures.js";
import { preference, remember } from "./preferences.js";
import { call } from "./server.js";
import { fillSheet, listen } from "./shortcuts.js";
import { Status } from "./status.js";
import { Studio } from "./studio.js";
import { Styles } from "./styles.js";
import { Tabs } from "./tabs.js";
import { Toolbar } from "./toolbar.js";
import { brush, TOOLS } from "./tools/index.js";
import { View } from "./view.js";

/**
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./shortcuts.js").Section} Section
 */

/**
 * Cover the canvas with a sentence, or uncover it.
 * @param {string | null} text
 */
function veil(text) {
  const cover = /** @type {HTMLElement} */ (document.getElementById("veil"));
  cover.hidden = text === null;
  if (text !== null) /** @type {HTMLElement} */ (document.getElementById("veil-text")).textContent = text;
}

/** @param {string} path */
async function json(path) {
  return (await call(path)).json();
}

async function main() {
  fillIcons(document);
  veil("Loading the model ...");
  const [model, labels, styleCards, exampleCards] = await Promise.all(
    ["/api/model", "/api/labels", "/api/styles", "/api/examples"].map(json),
  );
  veil(null);

  const studio = new Studio(model, labels.classes, labels.void_id);
  const colours = new Colours(labels.classes);
  const view = new View(/** @type {HTMLCanvasElement} */ (document.getElementById("canvas")), studio, colours);
  const input = new Input(view, studio, brush);
  const toolbar = new Toolbar(studio, view, input);
  const palette = new Palette(studio, colours, view);
  /** @returns {Settings} */
  const settings = () => ({ look: styles.look, ...photo.settings });
  const styles = new Styles(studio, styleCards, settings);
  const photo = new PhotoEdit(studio, styles);
  const live = new Live(studio, view, settings);
  const files = new Files(studio, styles, photo, settings);
  const layers = new Layers(studio);
  const pictures = new Pictures(studio, styles, view, live);
  const examples = new Examples(studio, exampleCards, files, photo, colours);
  const status = new Status(studio, palette, live);
  if (model.style_dim === null) document.getElementById("tab-style")?.remove();
  const tabs = new Tabs();

  for (const signal of [styles.changed, photo.changed]) signal.on(() => live.request());
  input.pointed = (p) => status.point(p);
  live.connection.refused.on(({ sentence }) => {
    if (/hand it in again/.test(sentence)) files.try(() => photo.again());
    else studio.told.emit(sentence);
  });

  const autosave = new Autosave(`${model.name}/${model.label_set}/${model.width}x${model.height}`, () => ({
    project: files.project(),
    name: files.name,
    kept: pictures.kept,
  }));
  for (const signal of [studio.stepped, styles.changed, photo.changed, pictures.changed]) signal.on(() => autosave.soon());

  live.connection.linked.on(() => checkServer(model));
  page(studio, view, colours, input, toolbar, palette, styles, layers, pictures, tabs);
  live.connection.open();
  await reopen(autosave, files, pictures, examples);
  autosave.enabled = true;
  document.documentElement.dataset.ready = "yes";
  // For tests, and for those who look under the bonnet.
  Object.assign(window, { semsynth: { studio, view, live, styles, files, photo, pictures } });
}

/**
 * The connection came or went: the server may be another one now, or have another key.
 * @param {import("./types.js").Model} model
 */
async function checkServer(model) {
  try {
    const now = await json("/api/model");
    if (now.name !== model.name || now.label_set !== model.label_set) location.reload();
    veil(null);
  } catch (error) {
    if (/** @type {import("./server.js").Refusal} */ (error).status === 401) veil(/** @type {Error} */ (error).message);
  }
}

/**
 * @param {Autosave} autosave
 * @param {Files} files
 * @param {Pictures} pictures
 * @param {Examples} examples
 */
async function reopen(autosave, files, pictures, examples) {
  const saved = await autosave.load();
  await files.try(async () => {
    if (saved) {
      await files.openProject(saved.project, saved.name);
      pictures.kept = saved.kept;
      pictures.build();
    } else if (examples.cards.length) {
      await examples.start(examples.cards[0]);
    }
  });
  files.studio.history.done.length = 0; // what was there at the beginning is not a step
}

/**
 * Buttons and shortcuts of the page as a whole.
 * @param {Studio} studio
 * @param {View} view
 * @param {Colours} colours
 * @param {Input} input
 * @param {Toolbar} toolbar
 * @param {Palette} palette
 * @param {Styles} styles
 * @param {Layers} layers
 * @param {Pictures} pictures
 * @param {Tabs} tabs
 */
function page(studio, view, colours, input, toolbar, palette, styles, layers, pictures, tabs) {
  const patterns = () => {
    colours.patterned = !colours.patterned;
    remember("patterns", colours.patterned);
    press("patterns", colours.patterned);
    view.refresh(true);
  };
  if (preference("patterns", false)) patterns();
  const theme = () => {
    const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
    document.documentElement.dataset.theme = next;
    remember("theme", next);
  };
  const fullscreen = () => (document.fullscreenElement ? document.exitFullscreen() : document.body.requestFullscreen());
  const click = (/** @type {string} */ id) => () => document.getElementById(id)?.click();
  const zoomText = /** @type {HTMLElement} */ (document.getElementById("zoom-fit"));
  const steps = () => {
    /** @type {HTMLButtonElement} */ (document.getElementById("undo")).disabled = !studio.history.done.length;
    /** @type {HTMLButtonElement} */ (document.getElementById("redo")).disabled = !studio.history.undone.length;
  };
  const showZoom = () => {
    zoomText.textContent = `${Math.round(view.zoom * 100)} %`;
    zoomText.setAttribute("aria-label", `${zoomText.textContent}: fit the drawing into the window`);
  };
  view.zoomed.on(showZoom);
  showZoom();
  studio.stepped.on(steps);
  steps();

  button("undo", () => studio.undo());
  button("redo", () => studio.redo());
  button("patterns", patterns);
  button("theme", theme);
  button("fullscreen", fullscreen);
  button("help", () => dialog("help").showModal());
  button("zoom-in", () => view.zoomBy(1.25));
  button("zoom-out", () => view.zoomBy(0.8));
  button("zoom-fit", () => view.fit());
  for (const close of document.querySelectorAll("[data-close]")) {
    close.addEventListener("click", () => close.closest("dialog")?.close());
  }

  const toClasses = () => {
    tabs.open(0);
    palette.search.focus();
  };
  /** @type {Section[]} */
  const sections = [
    {
      title: "Tools",
      shortcuts: TOOLS.map((tool) => ({ keys: tool.key, does: tool.label, action: () => toolbar.choose(tool) })),
    },
    {
      title: "Drawing",
      shortcuts: [
        { keys: "[", does: "Smaller brush", action: () => studio.resize(Math.min(studio.size - 1, studio.size * 0.85)) },
        { keys: "]", does: "Larger brush", action: () => studio.resize(Math.max(studio.size + 1, studio.size * 1.15)) },
        { keys: "Mod+z", does: "Undo", action: () => studio.undo() },
        { keys: "Mod+Shift+z", does: "Redo", action: () => studio.redo() },
        { keys: "Mod+y", does: "Redo", action: () => studio.redo() },
        { keys: "Shift+Delete", does: "Clear the layer", action: () => layers.clear() },
        { keys: "Escape", does: "Cancel", action: () => input.cancel() },
      ],
    },
    {
      title: "Classes",
      shortcuts: [
        { keys: "/", does: "Find a class", action: toClasses },
        ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({
          keys: String(n), does: `Class ${n} of the list`, action: () => palette.nth(n - 1),
        })),
        { keys: "y", does: "Favourite", action: () => palette.toggleFavourite() },
        { keys: "m", does: "Lock the class", action: () => studio.toggleLock(studio.classId) },
        { keys: "j", does: "Show where it is", action: () => palette.locate() },
        { keys: "q", does: "Patterns", action: patterns },
      ],
    },
    {
      title: "Picture",
      shortcuts: [
        { keys: "d", does: "Another random style", action: () => styles.roll() },
        { keys: "k", does: "Keep this picture", action: () => pictures.keep() },
        { keys: "v", does: "Next view", action: () => toolbar.nextMode() },
        { keys: "0", does: "Fit", action: () => view.fit() },
        { keys: "+", does: "Zoom in", action: () => view.zoomBy(1.25) },
        { keys: "-", does: "Zoom out", action: () => view.zoomBy(0.8) },
        { keys: "f", does: "Full screen", action: fullscreen },
      ],
    },
    {
      title: "Files",
      shortcuts: [
        { keys: "n", does: "New", action: click("new") },
        { keys: "Mod+o", does: "Open", action: click("open") },
        { keys: "Mod+s", does: "Save", action: click("save") },
        { keys: "Mod+e", does: "Export", action: click("export") },
        { keys: "?", does: "This sheet", action: click("help") },
      ],
    },
  ];
  listen(sections, (e) => !e.ctrlKey && !e.metaKey && (input.tool.press?.(studio, e.key) ?? false));
  document.addEventListener("keydown", (e) => space(e, true));
  document.addEventListener("keyup", (e) => space(e, false));

  /** While Space is held over the canvas, the pointer moves the view. @param {KeyboardEvent} e @param {boolean} down */
  function space(e, down) {
    if (e.key !== " " || (down && document.activeElement !== view.canvas)) return;
    input.space = down;
    view.canvas.style.cursor = down || input.tool.pans ? "grab" : "none";
    if (down) e.preventDefault();
  }

  const read = (/** @type {string} */ keys, /** @type {string} */ does) => ({ keys, does, action: () => {} });
  const shown = sections.map((s) => ({
    ...s,
    shortcuts: s.shortcuts.filter(({ keys }) => !/^[2-9]$/.test(keys)).map((x) => (x.keys === "1" ? read("1 - 9", "Class of the list") : x)),
  }));
  fillSheet(/** @type {HTMLElement} */ (document.getElementById("shortcuts")), shown, [
    {
      title: "On the canvas",
      shortcuts: [
        read("wheel", "Zoom"),
        read("Shift+wheel", "Brush size"),
        read(" +drag", "Move the view"),
        read("Alt+click", "Take a class"),
        read("two fingers", "Zoom and move"),
        read("arrows", "Move the keyboard's brush"),
        read("Enter", "Put it down, lift it"),
      ],
    },
  ]);
}

main().catch((error) => veil(error.message));
