// Projects that the browser keeps.

import { fromBase64 } from "../bytes.js";
import { Refusal } from "./refusal.js";
import { readSettings } from "./settings.js";

/**
 * @typedef {import("./site.js").Site} Site
 * @typedef {import("../types.js").Project} Project
 * @typedef {{name: string, saved: number, project: Project}} Kept
 */

const STORE = "projects", EMPTY = 255;
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} \-_'’,()&+!\u200c\u200d]{0,63}$/u;

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("semsynth.projects", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "name" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} action
 * @returns {Promise<T>}
 */
async function stored(mode, action) {
  try {
    const db = await database(), transaction = db.transaction(STORE, mode), request = action(transaction.objectStore(STORE));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    }).finally(() => db.close());
  } catch (error) {
    const why = /** @type {Error | null} */ (error)?.name === "QuotaExceededError" ? "there is no room left" : "it keeps nothing for this page";
    throw new Refusal(`The browser cannot store projects: ${why}. Save the project to a file.`, 507, "not-stored");
  }
}

/** The projects, the newest first. */
export async function list() {
  const all = /** @type {Kept[]} */ (await stored("readonly", (store) => store.getAll()));
  all.sort((a, b) => b.saved - a.saved);
  return all.map(({ name, saved, project }) => ({ name, saved, picture: project.picture ?? "" }));
}

/** @param {string} name @returns {Promise<Project>} */
export async function load(name) {
  const kept = /** @type {Kept | undefined} */ (await stored("readonly", (store) => store.get(checked(name))));
  if (!kept) throw new Refusal("There is no project of this name.");
  return kept.project;
}

/**
 * @param {string} name
 * @param {Project} project
 * @param {boolean} replace
 */
export async function save(name, project, replace) {
  const called = checked(name), fold = (/** @type {string} */ text) => text.toLocaleLowerCase();
  const like = (await list()).find((row) => fold(row.name) === fold(called))?.name;
  if (like === called && !replace) throw new Refusal("There is a project of this name already.", 409, "name-taken");
  if (like !== undefined && like !== called) {
    throw new Refusal(`There is a project named ${like}, which differs in capitals alone.`, 409, "name-taken");
  }
  await stored("readwrite", (store) => store.put({ name: called, saved: Date.now() / 1000, project }));
  navigator.storage?.persist?.(); // else the browser may delete it when it needs room; it may ask, and is not waited for
}

/** @param {string} name */
export async function remove(name) {
  await stored("readwrite", (store) => store.delete(checked(name)));
}

/** @param {string} name */
function checked(name) {
  const called = name.normalize("NFC").trim();
  if (!NAME.test(called)) {
    throw new Refusal("A project's name begins with a letter or digit; up to 64 letters, digits, spaces and - _ ' , ( ) & + ! are possible.");
  }
  return called;
}

/**
 * Refuse a project whose parts do not fit together, or not to the model.
 * @param {Project} project
 * @param {Site} site
 * @returns {Project}
 */
export function checkProject(project, { labels, model }) {
  const { width, height, layers } = project, { max_layers, max_side } = model.limits;
  if (project.label_set !== labels.name) {
    throw new Refusal(`The project uses the classes of ${project.label_set}; this model has those of ${labels.name}.`);
  }
  if (!(Math.min(width, height) > 0 && Math.max(width, height) <= max_side)) {
    throw new Refusal(`The project has ${width}x${height} pixels; this page paints up to ${max_side} pixels a side.`);
  }
  if (!Array.isArray(layers) || !layers.length || layers.length > max_layers || !layers[project.active]) {
    throw new Refusal(`A project has 1 to ${max_layers} layers, one of them active.`);
  }
  for (const { ids } of layers) {
    const bytes = fromBase64(ids);
    if (bytes.length !== width * height) throw new Refusal(`A layer of ${width}x${height} pixels has ${width * height} bytes; ${bytes.length} were found.`);
    const unknown = bytes.find((id) => id >= labels.classes.length && id !== EMPTY);
    if (unknown !== undefined) throw new Refusal(`Class ${unknown} is unknown; the model has 0 to ${labels.classes.length - 1}.`);
  }
  const settings = readSettings(project.settings ?? {});
  if (!settings) throw new Refusal("The settings of the project cannot be used.");
  return { ...project, settings, own_styles: project.own_styles ?? [] };
}
