// What makes the tables of labels, styles and noise. See semsynth/ops/window_linear.py and inference/weights.py.

import { PANEL, roundUp } from "./convolution.js";

/** @typedef {import("./native.js").Native} Native */
/** @typedef {import("./native.js").Block} Block */
/** @typedef {import("./weights.js").WeightFile} WeightFile */
/** @typedef {import("./weights.js").Tensor} Tensor */

const TWO_STEPS = 1.2; // windows per row from which it pays to multiply the rows alone
const MOST_ROWS = 1 << 14; // whose products are kept
const EPSILON = 1e-5; // of batch norm

/** A linear map of windows of rows: what it gives for a window is the same whichever windows are asked for together. */
export class WindowLinear {
  /**
   * @param {Native} native
   * @param {Float32Array} weight (outputs, inputs, taps)
   * @param {Float32Array | null} bias (outputs)
   * @param {[outputs: number, inputs: number, taps: number]} shape
   */
  constructor(native, weight, bias, [outputs, inputs, taps]) {
    this.native = native;
    this.outputs = outputs;
    this.taps = taps;
    this.depth = roundUp(inputs, PANEL);
    this.group = Math.min(roundUp(outputs, PANEL), 32);
    this.groups = Math.ceil(outputs / this.group);
    const { depth, group } = this;
    this.weight = native.floats(this.groups * group * taps * depth); // (groups, taps, group / 16, depth, 16)
    this.bias = native.floats(this.groups * group);
    if (bias) this.bias.values.set(bias);
    const to = this.weight.values;
    for (let o = 0, from = 0; o < outputs; o++) {
      const first = Math.floor(o / group) * group * taps * depth + Math.floor((o % group) / PANEL) * depth * PANEL;
      for (let i = 0; i < inputs; i++) {
        const at = first + i * PANEL + (o % PANEL);
        for (let t = 0; t < taps; t++, from++) to[at + t * group * depth] = weight[from];
      }
    }
  }

  /**
   * Where rows recur in many windows, each is multiplied once and the products are looked up.
   * @param {Block} rows (V, depth), wider than the inputs by zeros
   * @param {Block} windows (U, taps) int32
   * @param {number} out address of (U, outputs)
   */
  run(rows, windows, out) {
    const [numRows, count] = [rows.length / this.depth, windows.length / this.taps];
    this.native.call("multiply_windows", {
      ...{ rows: rows.address, windows: windows.address, weight: this.weight.address, bias: this.bias.address, out },
      ...{ count, taps: this.taps, depth: this.depth, outputs: this.outputs, groups: this.groups, group: this.group },
      numRows: MOST_ROWS >= numRows && numRows < count / TWO_STEPS ? numRows : 0,
    });
  }
}

/** A linear map of styles. */
export class StyleLinear {
  /**
   * @param {Native} native
   * @param {Float32Array} weight (outputs, styleDim)
   * @param {Float32Array | null} bias (outputs)
   * @param {number[]} shape of the weight
   */
  constructor(native, weight, bias, [outputs, styleDim]) {
    this.native = native;
    this.linear = new WindowLinear(native, weight, bias, [outputs, styleDim, 1]);
    /** @type {{styles: import("./styles.js").Styles, rows: Block} | null} */
    this.latest = null;
  }

  /** Forget the latest styles, whose memory is taken back. */
  clear() {
    this.latest = null;
  }

  /**
   * What each of the styles gives, (S, outputs); kept until other styles come.
   * @param {import("./styles.js").Styles} styles
   */
  of(styles) {
    if (this.latest?.styles.sameVectors(styles)) return this.latest.rows;
    this.latest?.rows.free();
    this.latest = null;
    const { native, linear } = this;
    const count = styles.vectors.length;
    const given = native.floats(count * linear.depth);
    styles.vectors.forEach((vector, i) => given.values.set(vector, i * linear.depth));
    const windows = native.copied(Int32Array.from({ length: count }, (_, i) => i));
    const rows = native.floats(count * linear.outputs);
    linear.run(given, windows, rows.address);
    given.free();
    windows.free();
    this.latest = { styles, rows };
    return rows;
  }
}

/** A convolution of one-hot label maps as sums of table rows, one row a tap; symbol 0 is outside the map. */
export class LabelTable {
  /**
   * @param {Native} native
   * @param {Tensor} weight (O, K, k, k)
   * @param {Tensor} bias (O)
   * @param {boolean} relu
   */
  constructor(native, { values, shape: [outputs, classes, side] }, bias, relu) {
    this.native = native;
    this.relu = relu;
    this.taps = side * side;
    this.symbols = classes + 1;
    this.width = roundUp(outputs, PANEL);
    this.rows = native.floats(this.taps * this.symbols * this.width);
    const to = this.rows.values;
    for (let t = 0; t < this.taps; t++) {
      for (let k = 0; k < classes; k++) {
        const first = (t * this.symbols + k + 1) * this.width;
        for (let o = 0; o < outputs; o++) to[first + o] = values[(o * classes + k) * this.taps + t];
      }
    }
    this.bias = native.floats(this.width);
    this.bias.values.set(bias.values);
  }

  /** @param {Block} patches (V, k * k) symbols @param {number} out address of (V, width) */
  run(patches, out) {
    this.native.call("lookup", {
      ...{ table: this.rows.address, bias: this.bias.address, patches: patches.address, out },
      ...{ count: patches.length / this.taps, taps: this.taps, symbols: this.symbols, width: this.width },
      relu: Number(this.relu),
    });
  }
}

/** One SPADE layer: scales and shifts of the distinct windows of a label map, in which batch norm is folded. */
export class Modulation {
  /** @param {Native} native @param {WeightFile} file @param {string} name of the layer */
  constructor(native, file, name) {
    this.native = native;
    const [shared, sharedBias] = ["weight", "bias"].map((part) => file.tensor(`${name}.shared.${part}`));
    this.hidden = new LabelTable(native, shared, sharedBias, true);
    const weight = file.tensor(`${name}.modulation.weight`);
    const [wide, inputs, side] = weight.shape;
    this.width = wide;
    const norm = ["mean", "var"].map((part) => file.tensor(`${name}.norm.running_${part}`).values);
    const bias = Float64Array.from(file.tensor(`${name}.modulation.bias`).values);
    for (let o = 0; 2 * o < wide; o++) bias[o]++;
    /** @type {StyleLinear | null} */
    this.style = null;
    if (file.has(`${name}.style.weight`)) {
      const style = file.tensor(`${name}.style.weight`);
      file.tensor(`${name}.style.bias`).values.forEach((value, o) => (bias[o] += value));
      this.style = new StyleLinear(native, folded(style.values, norm), null, style.shape);
    }
    this.linear = new WindowLinear(native, folded(weight.values, norm), folded(bias, norm), [wide, inputs, side ** 2]);
  }

  /**
   * Scales and shifts of distinct large windows.
   * @param {Block} patches (V, k * k) symbols
   * @param {Block} neighbours (U, k * k) 1-based rows of `patches`, 0 outside
   * @param {number} out address of (U, 2C)
   */
  run(patches, neighbours, out) {
    const { width } = this.hidden;
    const hidden = this.native.floats((patches.length / this.hidden.taps + 1) * width); // row 0: outside
    this.hidden.run(patches, hidden.at(width));
    this.linear.run(hidden, neighbours, out);
    hidden.free();
  }
}

/**
 * Gamma and beta, C rows each, as scale and shift of what is to be normalised by a mean and a variance of each channel.
 * @param {Float32Array | Float64Array} rows
 * @param {Float32Array[]} norm
 */
function folded(rows, [mean, variance]) {
  const [out, half] = [new Float32Array(rows.length), rows.length / 2];
  const width = half / mean.length;
  for (let c = 0; c < mean.length; c++) {
    const scale = 1 / Math.sqrt(variance[c] + EPSILON);
    for (let at = c * width; at < (c + 1) * width; at++) {
      out[at] = rows[at] * scale;
      out[half + at] = rows[half + at] - mean[c] * scale * rows[at];
    }
  }
  return out;
}
