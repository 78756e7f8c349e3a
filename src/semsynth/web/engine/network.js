// The blocks of a network, computed in boxes. See semsynth/inference/cpu_backend.py.

import { merged, scaled } from "./boxes.js";
import { Winograd } from "./convolution.js";
import { Noise } from "./noise.js";
import { LabelTable, Modulation, StyleLinear } from "./tables.js";

/** @typedef {import("./boxes.js").Box} Box */
/** @typedef {import("./boxes.js").Size} Size */
/** @typedef {import("./native.js").Native} Native */
/** @typedef {import("./native.js").Block} Memory */
/** @typedef {import("./levels.js").Level} Level */
/** @typedef {import("./styles.js").Styles} Styles */
/** @typedef {import("./weights.js").WeightFile} WeightFile */
/** @typedef {ReturnType<Winograd["on"]>} Convolution */

/**
 * Where a block computes.
 * @typedef {{size: Size, middle: Memory, out: Memory, noise: Memory | null, first: Convolution, second: Convolution}} Maps
 */

const SLOPE = 0.2; // of the leaky ReLUs

/**
 * The offsets of the tiles of a block's two convolutions: see `_offsets` in cpu_backend.py.
 * @param {Size} size
 * @returns {[number, number]}
 */
function offsets(size) {
  const side = Math.min(...size);
  return side >= 64 ? [2, 0] : side >= 32 ? [0, 2] : [0, 0];
}

/**
 * The boxes of a convolution's result that change with boxes of its input.
 * @param {Convolution} convolution
 * @param {Box[]} boxes
 * @param {Size} size
 */
const reached = (convolution, boxes, size) =>
  merged(merged(boxes, 2, size).map((box) => convolution.reached(box)), 0, size);

/** One residual block and where its maps lie. */
class Block {
  /**
   * @param {Native} native
   * @param {WeightFile} file
   * @param {string} name
   * @param {boolean} upsample
   * @param {number} tile
   */
  constructor(native, file, name, upsample, tile) {
    this.native = native;
    this.upsample = upsample;
    this.learned = file.has(`${name}.conv_s.weight`);
    const layers = ["spade_0", "spade_1", ...(this.learned ? ["spade_s"] : [])];
    this.modulations = layers.map((layer) => new Modulation(native, file, `${name}.${layer}`));
    const convolution = (/** @type {string} */ own, /** @type {string | null} */ shortcut) =>
      new Winograd(
        native,
        file.tensor(`${name}.${own}.weight`),
        file.tensor(`${name}.${own}.bias`),
        shortcut ? file.tensor(`${name}.${shortcut}.weight`) : null,
        tile,
      );
    this.conv0 = convolution("conv_0", null);
    this.conv1 = convolution("conv_1", this.learned ? "conv_s" : null);
    /** @type {Maps | null} */
    this.maps = null;
  }

  /**
   * Take memory to compute in.
   * @param {Memory} x
   * @param {Size} size
   * @param {boolean} noisy
   * @returns {Memory} the result
   */
  prepare(x, size, noisy) {
    const pixels = size[0] * size[1];
    const middle = this.native.floats(pixels * this.conv0.outChannels);
    const out = this.native.floats(pixels * this.conv1.outChannels);
    const [before, after] = offsets(size);
    const doubled = this.upsample;
    const first = this.conv0.on(x, middle, size, { doubled, slope: SLOPE, offset: before % this.conv0.tile });
    const second = this.conv1.on(middle, out, size, {
      ...{ slope: SLOPE, offset: after % this.conv1.tile, beforeDoubled: doubled },
      ...(this.learned ? { shortcut: x } : { residual: x }),
    });
    const noise = noisy ? this.native.floats(pixels * this.conv1.outChannels) : null;
    if (noise) second.addNoise(noise);
    this.maps = { size, middle, out, noise, first, second };
    return out;
  }

  /**
   * Compute what depends on boxes of changed pixels.
   * @param {Box[]} boxes
   * @param {Level} level
   * @param {Memory[]} tables
   * @param {Styles | null} styles
   * @returns {Box[]} changed results
   */
  repaint(boxes, level, tables, styles) {
    if (!this.maps) throw new Error("no size yet");
    const { size, first, second } = this.maps;
    const rows = this.modulations.map(({ style }) => (style && styles ? style.of(styles) : null));
    const styleOf = level.stylesOfRows(styles);
    first.modulate("source", level.index, tables[0], rows[0], styleOf);
    second.modulate("source", level.index, tables[1], rows[1], styleOf);
    if (this.learned) second.modulate("shortcut", level.index, tables[2], rows[2], styleOf);
    const between = reached(first, boxes, size);
    first.run(between);
    const after = reached(second, between, size);
    second.run(after);
    return after;
  }

}

export class Network {
  /** @param {Native} native @param {WeightFile} file @param {(share: number) => void} onProgress */
  constructor(native, file, onProgress) {
    this.native = native;
    const { upsample, noise_period: noisePeriod } = file.description;
    /** @type {Block[]} */
    this.blocks = [];
    let tile = 2; // up to the first doubling: maps of 8 x 8 are few of the larger tiles
    upsample.forEach((doubles, i) => {
      if (doubles) tile = 4;
      this.blocks.push(new Block(native, file, `blocks.${i}`, doubles, tile));
      onProgress((i + 1) / (upsample.length + 1));
    });
    this.toImage = new Winograd(native, file.tensor("to_image.weight"), file.tensor("to_image.bias"), null, 4);
    const labels = file.tensor("stem_labels.weight");
    this.stemLabels = new LabelTable(native, labels, file.tensor("stem_labels.bias"), false);
    this.stemSide = labels.shape[2];
    this.stemWidth = labels.shape[0];
    /** @type {StyleLinear | null} */
    this.stemStyle = null;
    if (file.has("stem_style.weight")) {
      const [weight, bias] = ["weight", "bias"].map((part) => file.tensor(`stem_style.${part}`));
      this.stemStyle = new StyleLinear(native, weight.values, bias.values, weight.shape);
    }
    this.noise = noisePeriod ? new Noise(native, file, this.blocks.length) : null;
    this.modulates = this.blocks.some((block) => block.modulations.some(({ style }) => style));
    /** @type {Size[]} */
    this.sizes = [];
    /** @type {Box[]} */
    this.changed = []; // of the latest block's result
    this.offset = ""; // of the noise in the blocks' maps
    /** @type {{stem: Memory, raw: Memory, image: Convolution, floats: Float32Array, rgb: Uint8ClampedArray} | null} */
    this.maps = null;
    onProgress(1);
  }

  /** Forget the features, whose memory is taken back. */
  clear() {
    this.sizes = [];
    this.changed = [];
    this.maps = null;
    this.offset = "";
    this.stemStyle?.clear();
    for (const block of this.blocks) {
      block.maps = null;
      for (const { style } of block.modulations) style?.clear();
    }
  }

  /**
   * Make room for features, after `clear`.
   * @param {Size[]} sizes of the stem's result, then of every block's
   */
  resize(sizes) {
    this.sizes = sizes;
    const stem = this.native.floats(sizes[0][0] * sizes[0][1] * this.stemWidth);
    let x = stem;
    this.blocks.forEach((block, i) => {
      x = block.prepare(x, sizes[i + 1], Boolean(this.noise?.toBlocks[i]));
    });
    const last = sizes[sizes.length - 1];
    const values = last[0] * last[1] * 3;
    const raw = this.native.floats(values);
    const image = this.toImage.on(x, raw, last, { slope: SLOPE, offset: offsets(last)[0] % 4 });
    this.maps = { stem, raw, image, floats: new Float32Array(values), rgb: new Uint8ClampedArray(values) };
  }

  /** Move the fixed noise; after a change all is to be computed anew. @param {[number, number]} offset */
  setNoise(offset) {
    const { noise } = this;
    if (!noise || this.offset === offset.join()) return;
    new Set(this.sizes.slice(1)).forEach((size) => {
      const own = this.blocks.flatMap(({ maps }, block) =>
        maps?.noise && maps.size === size ? [{ block, out: maps.noise }] : [],
      );
      noise.fill(size, offset, own);
    });
    this.offset = offset.join();
  }

  /**
   * Compute the first block's input.
   * @param {Int32Array} symbols (h, w) at its size
   * @param {Styles | null} styles
   * @param {[number, number]} offset
   */
  start(symbols, styles, offset) {
    if (!this.maps) throw new Error("no size yet");
    const { native, stemSide: side, stemWidth: width } = this;
    const [h, w] = this.sizes[0];
    const patches = native.ints(h * w * side * side);
    const seen = patches.values;
    for (let y = 0, at = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        for (let t = 0; t < side * side; t++, at++) {
          const [row, column] = [y + Math.floor(t / side) - (side >> 1), x + (t % side) - (side >> 1)];
          if (row >= 0 && row < h && column >= 0 && column < w) seen[at] = symbols[row * w + column];
        }
      }
    }
    const labels = native.floats(h * w * this.stemLabels.width);
    this.stemLabels.run(patches, labels.address);
    const rows = styles && this.stemStyle ? this.stemStyle.of(styles) : null;
    const noise = this.noise?.stem(this.sizes[0], offset) ?? null;
    const [from, style, added, to] = [labels.values, rows?.values, noise?.values, this.maps.stem.values];
    for (let pixel = 0, at = 0; pixel < h * w; pixel++) {
      const of = styles ? styles.ofClass[symbols[pixel] - 1] * width : 0;
      for (let c = 0; c < width; c++, at++) {
        const grid = Math.fround((style ? style[of + c] : 0) + (added ? added[at] : 0));
        to[at] = from[pixel * this.stemLabels.width + c] + grid;
      }
    }
    for (const part of [patches, labels, noise]) part?.free();
  }

  /**
   * Compute a block's result where its input or its modulation has changed.
   * @param {number} block
   * @param {Box[]} boxes
   * @param {Level} level
   * @param {Memory[]} tables
   * @param {Styles | null} styles
   */
  repaint(block, boxes, level, tables, styles) {
    const one = this.blocks[block];
    const carried = this.changed.map((box) => (one.upsample ? scaled(box, 2) : box));
    this.changed = one.repaint([...boxes, ...carried], level, tables, styles);
  }

  /** Compute the picture anew in these boxes. @param {Box[]} boxes @returns {Box[]} what has changed of it */
  picture(boxes) {
    if (!this.maps) throw new Error("no size yet");
    const { image, raw, floats, rgb } = this.maps;
    const size = this.sizes[this.sizes.length - 1];
    const changed = reached(image, [...boxes, ...this.changed], size);
    this.changed = [];
    image.run(changed);
    const from = raw.values;
    for (const [top, left, bottom, right] of changed) {
      for (let y = top; y < bottom; y++) {
        for (let at = (y * size[1] + left) * 3; at < (y * size[1] + right) * 3; at++) {
          floats[at] = Math.tanh(from[at]);
          rgb[at] = Math.fround(Math.fround(floats[at] + 1) * 127.5); // rounded half to even and clamped
        }
      }
    }
    return changed;
  }
}
