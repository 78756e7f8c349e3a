// Drawings that the browser stored in the form of an earlier version, read as those of today.

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
  return { ...rest, project, document, steps, kept: saved.kept.map(upgradeKept) };
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

/** A photograph held its file itself. @param {any} photo @returns {any} */
function withSource(photo) {
  if (!photo || photo.source) return photo ?? null;
  const { png, labels, ...rest } = photo;
  return { source: { png, labels }, ...rest };
}

/** A style was called a look. @param {any} settings @returns {any} */
function withStyle(settings) {
  if (!("look" in settings)) return settings;
  const { look, ...rest } = settings;
  return { ...rest, style: look };
}
