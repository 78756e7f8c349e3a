// Drawings that the browser stored in the form of an earlier version, read as those of today.

import { fromBase64 } from "./bytes.js";

/**
 * @typedef {import("./autosave.js").Saved} Saved
 * @typedef {import("./pictures.js").Kept} Kept
 */

/**
 * A stored drawing with its kept pictures.
 * @param {any} saved
 * @returns {Saved}
 */
export function upgradeSaved(saved) {
  const { name = "Untitled", document = { name, saved: null }, steps = { done: [], undone: [] }, ...rest } = saved;
  const project = { ...saved.project, settings: withStyle(saved.project.settings) };
  const { width, height } = project; // which all states had, when no drawing had another size
  const sized = (/** @type {any} */ state) => ({ width, height, ...state });
  const whole = (/** @type {any} */ state) => sized({ ...state, scene: withPhoto(state.scene) });
  const upgradeStep = (/** @type {any} */ step) => {
    const upgrade = step.kind === "stack" ? whole : step.kind === "scene" ? withPhoto : null;
    return upgrade ? { ...step, before: upgrade(step.before), after: upgrade(step.after) } : step;
  };
  const [done, undone] = [steps.done, steps.undone].map((some) => some.map(upgradeStep));
  const kept = saved.kept.map((/** @type {any} */ one) => sized(upgradeKept(one)));
  return { ...rest, project, document, steps: { done, undone }, kept };
}

/**
 * @param {any} kept one that has no layers holds its ids alone
 * @returns {Kept}
 */
function upgradeKept(kept) {
  if (kept.layers) return withStyle({ ...kept, photo: withSource(kept.photo) });
  const layers = [{ name: "Background", visible: true, ids: kept.ids }];
  return withStyle({ ...kept, layers, active: 0, photo: null, document: { name: "Untitled", saved: null }, saved: null });
}

/**
 * A photograph held its file itself, as text. Its states share what they hold, before and after.
 * @param {any} photo
 * @returns {any}
 */
function withSource(photo) {
  if (!photo) return null;
  const { png, labels, source = { png, labels }, ...rest } = photo;
  if ("png" in source) {
    Object.assign(source, { file: new Blob([fromBase64(source.png)]), frame: null });
    delete source.png;
  }
  return { source, ...rest };
}

/** @param {any} scene @returns {any} */
const withPhoto = (scene) => scene && { ...scene, photo: withSource(scene.photo) };

/** A style was called a look. @param {any} settings @returns {any} */
function withStyle(settings) {
  if (!("look" in settings)) return settings;
  const { look, ...rest } = settings;
  return { ...rest, style: look };
}
