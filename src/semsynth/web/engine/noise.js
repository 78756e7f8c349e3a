// The fixed noise of a network and what it adds to the stem and to every block. See semsynth/ops/noise.py.

import { WindowLinear } from "./tables.js";

/** @typedef {import("./boxes.js").Size} Size */
/** @typedef {import("./native.js").Native} Native */
/** @typedef {import("./native.js").Block} Block */
/** @typedef {import("./weights.js").WeightFile} WeightFile */

const SIDE = 64; // rows and columns of the map; in the stem it repeats after these
const OTHER = 61; // those of the second map in the blocks

/**
 * Which rows of the map (64 x 64) every pixel sees, with the same map moved on for each further period.
 * @param {Native} native
 * @param {Size} size
 * @param {[number, number]} offset
 * @param {number[]} periods
 */
function places(native, [height, width], [down, right], periods) {
  const windows = native.ints(height * width * periods.length);
  const to = windows.values;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      periods.forEach((period, i) => {
        to[at++] = i * SIDE * SIDE + ((y + down) % period) * SIDE + ((x + right) % period);
      });
    }
  }
  return windows;
}

export class Noise {
  /** @param {Native} native @param {WeightFile} file @param {number} blocks */
  constructor(native, file, blocks) {
    this.native = native;
    const { values, shape } = file.tensor("noise.values");
    const channels = shape[1];
    /** @param {string} name @param {number} taps */
    const linear = (name, taps) => {
      const weight = file.tensor(name);
      if (!weight.values.some((value) => value !== 0)) return null;
      const repeated = new Float32Array(weight.values.length * taps);
      weight.values.forEach((value, i) => repeated.fill(value, i * taps, (i + 1) * taps));
      return new WindowLinear(native, repeated, null, [weight.shape[0], channels, taps]);
    };
    this.toStem = linear("noise.to_stem.weight", 1);
    this.toBlocks = Array.from({ length: blocks }, (_, i) => linear(`noise.to_blocks.${i}.weight`, 2));
    const depth = this.toStem?.depth ?? this.toBlocks.find((one) => one)?.depth ?? 16;
    const value = (/** @type {number} */ channel, /** @type {number} */ at) => values[channel * SIDE * SIDE + at];
    // In the stem the map itself; in the blocks the map, and the same with the channels moved by one, both smaller.
    this.inStem = native.floats(SIDE * SIDE * depth);
    this.inBlocks = native.floats(2 * SIDE * SIDE * depth);
    const [stem, both] = [this.inStem.values, this.inBlocks.values];
    for (let at = 0; at < SIDE * SIDE; at++) {
      for (let c = 0; c < channels; c++) {
        stem[at * depth + c] = value(c, at);
        both[at * depth + c] = value(c, at) / Math.SQRT2;
        both[(SIDE * SIDE + at) * depth + c] = value((c + channels - 1) % channels, at) / Math.SQRT2;
      }
    }
  }

  /** What is added in the stem, (h, w, C), or null. @param {Size} size @param {[number, number]} offset */
  stem(size, offset) {
    if (!this.toStem) return null;
    const windows = places(this.native, size, offset, [SIDE]);
    const out = this.native.floats(size[0] * size[1] * this.toStem.outputs);
    this.toStem.run(this.inStem, windows, out.address);
    windows.free();
    return out;
  }

  /**
   * What is added to the result of every block of a size.
   * @param {Size} size
   * @param {[number, number]} offset
   * @param {{block: number, out: Block}[]} blocks
   */
  fill(size, offset, blocks) {
    const windows = places(this.native, size, offset, [SIDE, OTHER]);
    for (const { block, out } of blocks) this.toBlocks[block]?.run(this.inBlocks, windows, out.address);
    windows.free();
  }
}
