// 3x3 convolutions by Winograd's method, on the native kernels. See semsynth/ops/convolve.py.

/** @typedef {import("./boxes.js").Box} Box */
/** @typedef {import("./boxes.js").Size} Size */
/** @typedef {import("./native.js").Native} Native */
/** @typedef {import("./native.js").Block} Block */
/** @typedef {import("./weights.js").Tensor} Tensor */

export const PANEL = 16; // outputs side by side, as in _native/convolve.h
const MOST_DEPTH = 256; // inputs in a sum: a panel of their weights stays in the first cache

/** @param {number} value @param {number} step */
export const roundUp = (value, step) => Math.ceil(value / step) * step;

const [ROOT_HALF, ROOT_TWO] = [Math.sqrt(0.5), Math.sqrt(2)];

/**
 * What the points of a tile make of three taps: 0, +-1, infinity for 2; 0, +-sqrt(1/2), +-sqrt(2), infinity for 4.
 * Numbers go in and out in arrays: engines box those that are arguments.
 * @typedef {(from: Float64Array, at: number, next: number, out: Float64Array, to: number, step: number) => void} Transform
 * @type {{[tile: number]: Transform}}
 */
const TRANSFORMS = {
  2: (from, at, next, out, to, step) => {
    const even = (from[at] + from[at + 2 * next]) / 2;
    const odd = from[at + next] / 2;
    out[to] = from[at];
    out[to + step] = even + odd;
    out[to + 2 * step] = even - odd;
    out[to + 3 * step] = from[at + 2 * next];
  },
  4: (from, at, next, out, to, step) => {
    const a = from[at];
    const b = from[at + next];
    const c = from[at + 2 * next];
    const even = -(a + c / 2) / 1.5;
    const odd = (-ROOT_HALF * b) / 1.5;
    const otherEven = (a + 2 * c) / 6;
    const otherOdd = (ROOT_TWO * b) / 6;
    out[to] = a;
    out[to + step] = even + odd;
    out[to + 2 * step] = even - odd;
    out[to + 3 * step] = otherEven + otherOdd;
    out[to + 4 * step] = otherEven - otherOdd;
    out[to + 5 * step] = c;
  },
};

/** In how many blocks of how many inputs sums are cut. @param {number} inputs */
function cut(inputs) {
  const blocks = Math.ceil(inputs / MOST_DEPTH);
  return { blocks, depth: roundUp(Math.ceil(inputs / blocks), PANEL) };
}

/**
 * (O, I, taps) as (groups, positions, blocks, group / 16, depth, 16), transformed in float64. A tile of 0: 1x1.
 * @param {Native} native
 * @param {Tensor} weight
 * @param {number} tile
 * @param {number} group
 */
function laidOut(native, { values, shape: [outputs, inputs] }, tile, group) {
  const [side, taps] = tile ? [tile + 2, 9] : [1, 1];
  const { blocks, depth } = cut(inputs);
  const panel = depth * PANEL;
  const position = blocks * (group / PANEL) * panel;
  const block = native.floats(Math.ceil(outputs / group) * side * side * position);
  const out = block.values;
  const [kernel, half, points] = [9, 3 * side, side * side].map((length) => new Float64Array(length));
  const transform = TRANSFORMS[tile];
  // Panel by panel: what lies together is written together.
  for (let from = 0; from < outputs; from += PANEL) {
    const first = Math.floor(from / group) * side * side * position + ((from % group) / PANEL) * panel;
    for (let i = 0; i < inputs; i++) {
      const at = first + Math.floor(i / depth) * (group / PANEL) * panel + (i % depth) * PANEL;
      for (let o = from; o < Math.min(from + PANEL, outputs); o++) {
        const own = (o * inputs + i) * taps;
        const to = at + o - from;
        if (!tile) {
          out[to] = values[own];
          continue;
        }
        for (let t = 0; t < 9; t++) kernel[t] = values[own + t];
        for (let x = 0; x < 3; x++) transform(kernel, x, 3, half, x, 3);
        for (let y = 0; y < side; y++) transform(half, 3 * y, 1, points, y * side, 1);
        for (let p = 0; p < side * side; p++) out[to + p * position] = points[p];
      }
    }
  }
  return block;
}

/** The weights of a 3x3 convolution, and of a 1x1 convolution that is added to it, laid out for a tile of 2 or 4. */
export class Winograd {
  /**
   * @param {Native} native
   * @param {Tensor} weight (O, I, 3, 3)
   * @param {Tensor} bias (O)
   * @param {Tensor | null} shortcut (O, S, 1, 1)
   * @param {number} tile
   */
  constructor(native, weight, bias, shortcut, tile) {
    this.native = native;
    this.outChannels = weight.shape[0];
    this.inChannels = weight.shape[1];
    this.tile = tile;
    this.group = Math.min(roundUp(this.outChannels, PANEL), 64);
    this.groups = Math.ceil(this.outChannels / this.group);
    this.weight = laidOut(native, weight, tile, this.group);
    this.shortcutChannels = shortcut ? shortcut.shape[1] : 0;
    this.shortcut = shortcut && laidOut(native, shortcut, 0, this.group);
    this.bias = native.floats(this.groups * this.group);
    this.bias.values.set(bias.values);
  }

  /**
   * Prepare to convolve a map into another; both must stay where they are.
   * @param {Block} x (h, w, I), or half that size with `doubled`
   * @param {Block} out (h, w, O)
   * @param {Size} size of the result
   * @param {object} more
   * @param {boolean} [more.doubled] double `x` by nearest sampling
   * @param {Block | null} [more.shortcut] (h, w, S), what the 1x1 convolution sees
   * @param {Block | null} [more.residual] (h, w, O), to be added
   * @param {boolean} [more.beforeDoubled] `shortcut` and `residual` are half that size
   * @param {number} more.slope of the leaky ReLU before the convolution
   * @param {number} more.offset how many pixels above and left of the map the first tile begins
   */
  on(x, out, size, { doubled = false, shortcut = null, residual = null, beforeDoubled = false, slope, offset }) {
    const struct = this.native.struct("convolve").set({
      ...source("source", x, this.weight, this.inChannels, doubled, slope),
      ...(shortcut && this.shortcut
        ? source("shortcut", shortcut, this.shortcut, this.shortcutChannels, beforeDoubled, 1)
        : {}),
      ...{ bias: this.bias.address, out: out.address, height: size[0], width: size[1], slope: 1 },
      ...{ outChannels: this.outChannels, groups: this.groups, group: this.group, tile: this.tile, offset },
      strip: this.outChannels <= 64 ? 16 : 32,
      ...(residual ? { residual: residual.address, residualDoubled: Number(beforeDoubled) } : {}),
    });
    return new Convolution(struct, size, this.tile, offset);
  }
}

/**
 * @param {string} name
 * @param {Block} x
 * @param {Block} weight
 * @param {number} channels
 * @param {boolean} doubled
 * @param {number} slope
 */
function source(name, x, weight, channels, doubled, slope) {
  const fields = { x: x.address, weight: weight.address, channels, ...cut(channels), doubled: Number(doubled), slope };
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [`${name}.${field}`, value]));
}

/** A convolution of one kept map into another, made by `Winograd.on`. */
class Convolution {
  /**
   * @param {import("./native.js").Struct} struct
   * @param {Size} size
   * @param {number} tile
   * @param {number} offset
   */
  constructor(struct, size, tile, offset) {
    this.struct = struct;
    this.size = size;
    this.tile = tile;
    this.offset = offset;
  }

  /**
   * Modulate the map, or what the shortcut sees, by rows of a table from now on.
   * @param {"source" | "shortcut"} which
   * @param {Block} index (h, w) the row of each pixel
   * @param {Block} table (rows, 2 I)
   * @param {Block | null} style (styles, 2 I) added to the rows
   * @param {Block | null} styleOf (rows) which style is added to each row; null: there is one
   */
  modulate(which, index, table, style, styleOf) {
    this.struct.set({
      [`${which}.index`]: index.address,
      [`${which}.table`]: table.address,
      [`${which}.style`]: style ? style.address : 0,
      [`${which}.styleOf`]: style && styleOf ? styleOf.address : 0,
    });
  }

  /** Add a fixed map (h, w, O) from now on. @param {Block} noise */
  addNoise(noise) {
    this.struct.set({ noise: noise.address });
  }

  /**
   * The pixels of the result that change, if only in their rounding, with a box of what is seen.
   * @param {Box} box
   * @returns {Box}
   */
  reached(box) {
    const { tile, offset, size } = this;
    const low = (/** @type {number} */ at) => Math.max(0, Math.floor((at - 1 + offset) / tile) * tile - offset);
    const high = (/** @type {number} */ at, /** @type {number} */ limit) =>
      Math.min(limit, Math.ceil((at + 1 + offset) / tile) * tile - offset);
    return [low(box[0]), low(box[1]), high(box[2], size[0]), high(box[3], size[1])];
  }

  /** Compute boxes of the result. @param {Box[]} boxes */
  run(boxes) {
    if (!boxes.length) return;
    const listed = this.struct.native.copied(Int32Array.from(boxes.flat()));
    this.struct.set({ boxes: listed.address, numBoxes: boxes.length }).run();
    listed.free();
  }
}
