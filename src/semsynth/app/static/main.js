// Puts the page together.

import { Autosave } from "./autosave.js";
import { ClassStyles } from "./classstyles.js";
import { Colours } from "./colours.js";
import { REASON } from "./connection.js";
import { button, dialog } from "./dom.js";
import { Examples } from "./examples.js";
import { Exports } from "./exports.js";
import { Files } from "./files.js";
import { fillIcons } from "./icons.js";
import { Input } from "./input.js";
import { keymap, ON_CANVAS, toggleFullscreen, togglePanel, togglePatterns, toggleTheme } from "./keymap.js";
import { Layers } from "./layers.js";
import { Live } from "./live.js";
import { Palette } from "./palette.js";
import { PhotoEdit } from "./photo.js";
import { Pictures } from "./pictures.js";
import { preference } from "./preferences.js";
import { Projects } from "./projects.js";
import { SelectionBar } from "./selectionbar.js";
import { call } from "./server.js";
import { fillSheet, listen } from "./shortcuts.js";
import { Status } from "./status.js";
import { StampGallery } from "./stampgallery.js";
import { Studio } from "./studio.js";
import { Styles } from "./styles.js";
import { Tabs } from "./tabs.js";
import { Toolbar } from "./toolbar.js";
import { brush } from "./tools/index.js";
import { Trials } from "./trials.js";
import { View } from "./view.js";
import { welcome } from "./welcome.js";
import { WhatIf } from "./whatif.js";

/**
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./types.js").Scene} Scene
 * @typedef {import("./keymap.js").Parts} Parts
 */

/** Memory of the steps that the browser keeps over a reload, in bytes. */
const STEPS_KEPT = 16 << 20;

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
  const [model, labels, styleItems, exampleItems] = await Promise.all(
    ["/api/model", "/api/labels", "/api/styles", "/api/examples"].map(json),
  );

  const studio = new Studio(model, labels.classes, labels.void_id);
  const colours = new Colours(labels.classes);
  const view = new View(/** @type {HTMLCanvasElement} */ (document.getElementById("canvas")), studio, colours);
  const input = new Input(view, studio, brush);
  const toolbar = new Toolbar(studio, view, input);
  const selectionBar = new SelectionBar(studio), stamps = new StampGallery(studio, colours);
  toolbar.followers.push((tool) => selectionBar.follow(tool), (tool) => stamps.follow(tool));
  const palette = new Palette(studio, colours, view);
  /** @returns {Settings} */
  const settings = () => ({ style: styles.style, ...photo.settings });
  const styles = new Styles(studio, styleItems);
  const photo = new PhotoEdit(studio);
  const live = new Live(studio, view, settings);
  new Trials(studio, styles, settings);
  new ClassStyles(studio, styles, palette, settings);
  new WhatIf(studio, palette.favourites, settings);
  const files = new Files(studio, styles, photo, settings, () => live.still(128));
  new Exports(files, colours);
  studio.history.scene = scene(styles, photo, files);
  new Projects(files);
  const layers = new Layers(studio, colours);
  const pictures = new Pictures(studio, styles, view, live, files, photo);
  const examples = new Examples(studio, exampleItems, files, photo, colours);
  const status = new Status(studio, palette, live);
  if (model.style_dim === null) document.getElementById("tab-style")?.remove();
  const tabs = new Tabs();

  for (const signal of [styles.changed, photo.changed]) signal.on(() => live.request());
  input.pointed = (p) => status.point(p);
  live.connection.refused.on(({ reason, sentence }) => {
    if (reason === REASON.photoLost) files.try(() => photo.again());
    else studio.told.emit(sentence);
  });

  const autosave = new Autosave(`${model.name}/${model.label_set}/${model.width}x${model.height}`, () => ({
    project: files.project(),
    document: files.document,
    kept: pictures.kept,
    steps: studio.history.recent(STEPS_KEPT),
  }));
  autosave.failed.on(() => studio.told.emit("The browser does not keep the drawing; save it as a project."));
  const events = [studio.stepped, styles.changed, photo.changed, pictures.changed, files.renamed];
  for (const signal of events) signal.on(() => autosave.soon());

  live.connection.linked.on((up) => {
    checkServer(model);
    if (up && photo.photo?.key === "") files.try(() => photo.again());
  });
  wire({ studio, view, colours, input, toolbar, palette, styles, layers, pictures, tabs, selectionBar });
  live.connection.open();
  await reopen(autosave, files, pictures, examples);
  veil(null);
  live.begin();
  autosave.enabled = true;
  welcome(studio);
  document.documentElement.dataset.ready = "yes";
  // For tests, and for the browser's console.
  Object.assign(window, { semsynth: { studio, view, live, styles, files, photo, pictures, autosave } });
}

/**
 * What a step of the history takes back beside the layers.
 * @param {Styles} styles
 * @param {PhotoEdit} photo
 * @param {Files} files
 */
function scene(styles, photo, files) {
  return {
    take: () => ({
      photo: photo.photo,
      style: styles.style,
      own: [...styles.own],
      document: files.document,
    }),
    put: (/** @type {Scene} */ then, /** @type {Scene | null} */ from) => {
      photo.put(then.photo);
      styles.restore(then.style, then.own);
      // A step within one drawing takes its name back no more than a stroke does.
      if (then.document !== from?.document) files.become(then.document);
    },
  };
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
    if (/** @type {import("./server.js").ApiError} */ (error).status === 401) veil(/** @type {Error} */ (error).message);
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
  if (saved) {
    pictures.kept = saved.kept;
    pictures.build();
  }
  await files.try(async () => {
    if (saved) {
      await files.openProject(saved.project, saved.document);
    } else if (examples.items.length) {
      await examples.start(examples.items[0]);
    }
  });
  files.studio.history.resume(saved?.steps ?? { done: [], undone: [] }); // beginning is not a step
  files.studio.stepped.emit();
}

/**
 * Fill the page's own buttons with life.
 * @param {Parts} parts
 */
function wire(parts) {
  const { studio, view } = parts;
  const zoomText = /** @type {HTMLElement} */ (document.getElementById("zoom-fit"));
  const showZoom = () => {
    zoomText.textContent = `${Math.round(view.zoom * 100)} %`;
    zoomText.setAttribute("aria-label", `${zoomText.textContent}: fit the drawing into the window`);
  };
  const showSteps = () => {
    /** @type {HTMLButtonElement} */ (document.getElementById("undo")).disabled = !studio.history.done.length;
    /** @type {HTMLButtonElement} */ (document.getElementById("redo")).disabled = !studio.history.undone.length;
  };
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => view.refresh());
  view.zoomed.on(showZoom);
  showZoom();
  studio.stepped.on(showSteps);
  showSteps();
  if (preference("patterns", false)) togglePatterns(parts);
  if (!preference("panel", true)) togglePanel();

  button("undo", () => parts.input.undo());
  button("redo", () => parts.input.redo());
  button("patterns", () => togglePatterns(parts));
  button("theme", () => {
    toggleTheme();
    view.refresh();
  });
  button("fullscreen", toggleFullscreen);
  button("panel", togglePanel);
  button("help", () => dialog("help").showModal());
  button("zoom-in", () => view.zoomBy(1.25));
  button("zoom-out", () => view.zoomBy(0.8));
  button("zoom-fit", () => view.fit());
  for (const close of document.querySelectorAll("[data-close]")) {
    close.addEventListener("click", () => close.closest("dialog")?.close());
  }
  const sections = keymap(parts);
  listen(sections, (key) => parts.input.tool.press?.(studio, key) ?? false);
  fillSheet(/** @type {HTMLElement} */ (document.getElementById("shortcuts")), [...sections, ON_CANVAS]);
}

main().catch((error) => veil(error.message));
