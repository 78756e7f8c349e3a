// From the style that a client chose to the numbers that the network draws with.

/**
 * @typedef {import("../types.js").PlainStyle} PlainStyle
 * @typedef {import("../types.js").OneStyle} OneStyle
 * @typedef {import("../types.js").StyleChoice} StyleChoice
 * @typedef {import("../local/site.js").Site} Site
 * @typedef {Float32Array} Vector
 * @typedef {(seed: number) => {style: Vector, noise: [number, number]}} Random what a seed draws
 * @typedef {{vector: Vector | null, rows: Vector[] | null, offset: [number, number] | null, seed: number,
 *   name: string | null}} Appearance vector: of all classes, or rows: of each; null both for a network without styles
 */

/**
 * @param {StyleChoice} style
 * @param {Site} site
 * @param {Random} random
 * @returns {Appearance}
 */
export function appearance(style, site, random) {
  const seed = seedOf(style), offset = site.noise_period ? random(seed).noise : null;
  const common = { vector: null, rows: null, offset, seed, name: null };
  if ("classes" in style) return { ...common, name: "a style per class", rows: byClass(style, site, random) };
  if (site.model.style_dim === null) return common;
  return { ...common, vector: vectorOf(style, site, random), name: "name" in style ? style.name : null };
}

/** The seed that gives the noise offset of a variation. @param {StyleChoice} style @returns {number} */
function seedOf(style) {
  if ("classes" in style) return seedOf(style.rest ?? { seed: 0 });
  if ("mix" in style) return seedOf(style.mix[0]);
  return "seed" in style ? style.seed : (style.variation ?? 0);
}

/**
 * @param {{classes: Record<string, OneStyle>, rest?: OneStyle}} style
 * @param {Site} site
 * @param {Random} random
 */
function byClass({ classes, rest = { seed: 0 } }, site, random) {
  const { classes: known } = site.labels;
  if (!site.class_styles) throw new Error("The network of this model has one style for all classes.");
  const rows = new Array(known.length).fill(vectorOf(rest, site, random));
  for (const [name, choice] of Object.entries(classes)) {
    const id = known.find((one) => one.name === name)?.id ?? (/^[0-9]+$/.test(name) ? Number(name) : -1);
    if (!known[id]) throw new Error(`There is no class ${name}.`);
    rows[id] = vectorOf(choice, site, random);
  }
  return rows;
}

/**
 * @param {OneStyle} style
 * @param {Site} site
 * @param {Random} random
 * @returns {Vector}
 */
function vectorOf(style, site, random) {
  if ("mix" in style) {
    const [first, second] = style.mix.map((part) => vectorOf(part, site, random));
    return mix(first, second, style.amount);
  }
  const dim = site.model.style_dim ?? 0;
  if ("seed" in style) return random(style.seed).style;
  if ("name" in style) {
    const found = site.styles.find(({ name }) => name === style.name);
    if (!found) throw new Error(`There is no style ${style.name}.`);
    return new Float32Array(found.vector);
  }
  if (style.vector.length !== dim) {
    throw new Error(`A style code of this model has ${dim} numbers; ${style.vector.length} came.`);
  }
  return new Float32Array(style.vector);
}

/**
 * Go from one style to another, keeping a length between theirs: see `mix` of the server's painter.
 * @param {Vector} first
 * @param {Vector} second
 * @param {number} amount
 * @returns {Vector}
 */
function mix(first, second, amount) {
  const straight = first.map((a, i) => {
    const step = Math.fround(second[i] - a);
    return amount < 0.5 ? a + amount * step : second[i] - step * (1 - amount);
  });
  const wanted = (1 - amount) * length(first) + amount * length(second), now = length(straight);
  return now > 1e-6 ? straight.map((value) => value * (wanted / now)) : straight;
}

/** @param {Vector} vector */
function length(vector) {
  return Math.hypot(...vector);
}
