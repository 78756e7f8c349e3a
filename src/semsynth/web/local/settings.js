// Settings that come from files, which anybody may have written.

/**
 * @typedef {import("../types.js").Settings} Settings
 * @typedef {import("../types.js").StyleChoice} StyleChoice
 */

/** Those of a request, of which a file may lack some. @type {Settings} */
const DEFAULTS = { style: { seed: 0 }, photo: null, feather: 8, everywhere: false, repaint: [] };

/**
 * @param {any} settings
 * @returns {Settings | null} null where they cannot be used
 */
export function readSettings(settings) {
  if (typeof settings !== "object" || settings === null) return null;
  const { look, style = look, ...rest } = settings; // a style was called a look
  return style === undefined || isStyle(style) ? { ...DEFAULTS, ...rest, style: style ?? DEFAULTS.style } : null;
}

/** @param {any} style @returns {boolean} */
function isStyle(style) {
  if (typeof style !== "object" || style === null) return false;
  if ("classes" in style) return isOne(style.rest ?? { seed: 0 }) && Object.values(style.classes ?? {}).every(isOne);
  return isOne(style);
}

/** @param {any} style @returns {boolean} */
function isOne(style) {
  if (typeof style !== "object" || style === null || "classes" in style) return false;
  if (!("mix" in style)) return isPlain(style);
  return Array.isArray(style.mix) && style.mix.length === 2 && style.mix.every(isPlain) && style.amount >= 0 && style.amount <= 1;
}

/** @param {any} style @returns {boolean} */
function isPlain(style) {
  if (typeof style !== "object" || style === null || !isSeed(style.variation ?? 0)) return false;
  if ("seed" in style) return isSeed(style.seed);
  if ("name" in style) return typeof style.name === "string";
  return Array.isArray(style.vector) && style.vector.every((/** @type {any} */ v) => Math.abs(v) <= 1e4);
}

/** @param {any} seed */
function isSeed(seed) {
  return Number.isSafeInteger(seed) && seed >= 0;
}
