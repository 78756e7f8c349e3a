// The exact engine in a browser: a trained SPADE generator, each picture drawn from the one before where it can.
//
// What semsynth/inference/engine.py does, on the same kernels, compiled to WebAssembly.

import { area, cover, grown, joined, merged, sampled, scaled, whole } from "./boxes.js";
import { Encoder } from "./encoder.js";
import { Level } from "./levels.js";
import { Native } from "./native.js";
import { Network } from "./network.js";
import { appearance } from "./random.js";
import { Styles } from "./styles.js";
import { WeightFile } from "./weights.js";

/** @typedef {import("./boxes.js").Box} Box */
/** @typedef {import("./boxes.js").Size} Size */
/** @typedef {[rows: number, columns: number]} Offset */

/**
 * What a picture is drawn in, beside its labels.
 * @typedef {object} Look
 * @property {Float32Array | Float32Array[]} [style] (Z), or a row per class
 * @property {Offset} [noise] how far the fixed noise is moved
 * @property {number} [seed] of what is not given; without it the noise stays where it is
 */

/**
 * @typedef {object} Picture
 * @property {Uint8Array} rgb (height, width, 3)
 * @property {number} microseconds
 * @property {Box} changed what of it was computed anew
 */

/**
 * The latest picture and all that it was made of.
 * @typedef {object} Drawing
 * @property {Int32Array} symbols (H, W) ids + 1; 0 is outside
 * @property {Size} full
 * @property {Styles | null} styles
 * @property {Offset} noise
 */

const GROWTH = 2; // how many pixels farther a change reaches after a block
const ANOTHER_MAP = 0.5; // changed share of the label map from which on it is taken for another one

export class Engine {
  /**
   * @param {object} files
   * @param {WebAssembly.Module | BufferSource} files.module
   * @param {ArrayBuffer} files.weights
   * @param {(share: number) => void} [files.onProgress]
   */
  static async load({ module, weights, onProgress = () => {} }) {
    const [native, file] = await Promise.all([Native.load(module), WeightFile.read(weights)]);
    return new Engine(native, file, onProgress);
  }

  /** @param {Native} native @param {WeightFile} file @param {(share: number) => void} onProgress */
  constructor(native, file, onProgress) {
    this.native = native;
    this.description = file.description;
    this.numClasses = file.description.num_classes;
    this.styleDim = file.description.style_dim;
    this.noisePeriod = file.description.noise_period;
    this.stride = file.description.stride;
    this.network = new Network(native, file, onProgress);
    const { encoder_size: side } = file.description;
    /** Gives the style of a photograph; null where the model has none. */
    this.encoder = side ? new Encoder(file, side) : null;
    /** @type {Map<Size, Level>} */
    this.levels = new Map();
    /** @type {Drawing | null} */
    this.drawing = null;
    this.kept = native.heap.addresses; // of the weights
  }

  /** The style and noise that the Python library draws for a seed. @param {number} seed */
  random(seed) {
    return appearance(seed, this.styleDim ?? 0, this.noisePeriod);
  }

  /** Drop what is kept: the next picture is drawn from nothing. */
  forget() {
    this.drawing = null;
  }

  /** The latest picture before it was rounded, (height, width, 3) in [-1, 1]. */
  get values() {
    return this.network.maps?.floats.slice() ?? new Float32Array(0);
  }

  /**
   * @param {Uint8Array} ids (height, width)
   * @param {number} width
   * @param {number} height
   * @param {Look} [look]
   * @returns {Picture}
   */
  draw(ids, width, height, look = {}) {
    const start = performance.now();
    const symbols = this.symbols(ids, width, height);
    const [styles, noise] = this.appearance(look);
    try {
      const changed = this.paint({ symbols, full: [height, width], styles, noise });
      const rgb = new Uint8Array(this.network.maps?.rgb ?? []);
      return { rgb, microseconds: Math.round(1000 * (performance.now() - start)), changed };
    } catch (error) {
      this.clear(); // there was not enough memory: nothing to go on from
      throw error;
    }
  }

  /** Take back all memory but that of the weights. */
  clear() {
    this.native.heap.keep(this.kept);
    this.network.clear();
    this.levels.clear();
    this.drawing = null;
  }

  /**
   * Draw from the latest picture where it is near.
   * @param {Drawing} drawing
   * @returns {Box} what has changed of the picture
   */
  paint(drawing) {
    const { symbols, noise } = drawing;
    const before = this.drawing;
    const mask = before && before.full.join() === drawing.full.join() ? differing(before.symbols, symbols) : null;
    const boxes = mask && changes(mask, drawing.full);
    /** @type {Map<Size, Box[]>} */
    let modulated = new Map();
    /** @type {Box[]} */
    let stem = [];
    const another = !before || before.noise.join() !== noise.join();
    if (before && mask && boxes) [stem, modulated] = this.follow(before, drawing, mask, boxes);
    else this.begin(drawing);
    if (!before || !boxes || another) {
      this.network.setNoise(noise);
      stem = [whole(this.network.sizes[0])];
    }
    const changed = this.repaint(drawing, stem, modulated);
    this.drawing = drawing;
    return changed;
  }

  /** @param {Uint8Array} ids @param {number} width @param {number} height */
  symbols(ids, width, height) {
    const { stride, numClasses } = this;
    if (!(width > 0 && height > 0) || width % stride || height % stride) {
      throw new Error(`The sides of a label map are multiples of ${stride}; this one is ${width} x ${height}.`);
    }
    if (ids.length !== width * height) {
      throw new Error(`A label map of ${width} x ${height} has ${width * height} ids; there are ${ids.length}.`);
    }
    const symbols = new Int32Array(ids.length);
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] >= numClasses) throw new Error(`The ids are 0 to ${numClasses - 1}; the label map has ${ids[i]}.`);
      symbols[i] = ids[i] + 1;
    }
    return symbols;
  }

  /** @param {Look} look @returns {[Styles | null, Offset]} */
  appearance({ style, noise, seed }) {
    const drawn = seed === undefined ? null : this.random(seed);
    const offset = this.noisePeriod ? (noise ?? drawn?.noise ?? [0, 0]) : [0, 0];
    if (!offset.every((at) => Number.isInteger(at) && at >= 0)) throw new Error("A noise offset is two whole numbers.");
    if (this.styleDim === null) return [null, [offset[0], offset[1]]];
    const given = style ?? drawn?.style;
    const rows = Array.isArray(given) ? given : [given];
    const fits = rows.every((row) => row?.length === this.styleDim && row.every((value) => Number.isFinite(value)));
    if (!given || !fits || (Array.isArray(given) && given.length !== this.numClasses)) {
      throw new Error(`A style is ${this.styleDim} numbers, or as many for each of ${this.numClasses} classes.`);
    }
    return [new Styles(given, this.numClasses), [offset[0], offset[1]]];
  }

  /** All tables of another map, and room for the features where it has another size. @param {Drawing} drawing */
  begin({ symbols, full }) {
    const { network, description } = this;
    const sizes = [/** @type {Size} */ ([full[0] / this.stride, full[1] / this.stride])];
    for (const doubles of description.upsample) {
      const [h, w] = sizes[sizes.length - 1];
      sizes.push(doubles ? [2 * h, 2 * w] : sizes[sizes.length - 1]); // the same object where the size is
    }
    this.levels.forEach((level) => level.clear()); // the tables of two maps are never held
    if (sizes.join() !== network.sizes.join()) {
      this.clear();
      network.resize(sizes);
      network.blocks.forEach((block, i) => {
        const level = this.levels.get(sizes[i + 1]) ?? new Level(this.native, sizes[i + 1], this.side, []);
        this.levels.set(sizes[i + 1], level);
        level.modulations.push(...block.modulations);
      });
    }
    this.levels.forEach((level) => level.begin(symbols, full));
  }

  /** Side of the convolutions inside SPADE. */
  get side() {
    return this.description.kernel_size;
  }

  /**
   * Follow a map that has changed in these boxes, and another style.
   * @param {Drawing} before
   * @param {Drawing} drawing
   * @param {Uint8Array} mask what has changed
   * @param {Box[]} boxes around it
   * @returns {[Box[], Map<Size, Box[]>]} around changes of the first block's input, and per size of the modulations
   */
  follow(before, drawing, mask, boxes) {
    const { symbols, full } = drawing;
    const seen = (/** @type {Uint8Array} */ mask, /** @type {Box[]} */ within, /** @type {Size} */ size) =>
      within.map((box) => sampled(mask, full, box, size)).filter((box) => box !== null);
    const smallest = this.network.sizes[0];
    const modulated = new Map();
    this.levels.forEach((level, size) => modulated.set(size, level.edit(symbols, full, seen(mask, boxes, size))));
    const stem = seen(mask, boxes, smallest).map((box) => grown(box, this.network.stemSide >> 1, smallest));
    const classes = drawing.styles && before.styles && drawing.styles.changed(before.styles);
    if (classes?.some(Boolean)) {
      const restyled = new Uint8Array(symbols.length);
      for (let i = 0; i < symbols.length; i++) restyled[i] = classes[symbols[i] - 1];
      const parts = cover(restyled, full);
      stem.push(...seen(restyled, parts, smallest));
      if (this.network.modulates) modulated.forEach((own, size) => own.push(...seen(restyled, parts, size)));
    }
    return [stem, modulated];
  }

  /**
   * Go through the blocks with what has changed.
   * @param {Drawing} drawing
   * @param {Box[]} stem boxes that are to change in what goes into the first block
   * @param {Map<Size, Box[]>} modulated per size, boxes of pixels that have another modulation
   * @returns {Box} what has changed of the picture
   */
  repaint({ symbols, full, styles, noise }, stem, modulated) {
    const { network } = this;
    const [[h, w]] = network.sizes;
    if (stem.length) {
      const seen = Int32Array.from({ length: h * w }, (_, i) => {
        const [y, x] = [Math.floor(i / w), i % w];
        return symbols[Math.floor((y * full[0]) / h) * full[1] + Math.floor((x * full[1]) / w)];
      });
      network.start(seen, styles, noise);
    }
    let changed = stem;
    network.blocks.forEach((block, i) => {
      const size = network.sizes[i + 1];
      const level = /** @type {Level} */ (this.levels.get(size));
      const carried = changed.map((box) => (block.upsample ? scaled(box, 2) : box));
      const boxes = merged([...carried, ...(modulated.get(size) ?? [])], GROWTH + 1, size);
      const first = level.modulations.indexOf(block.modulations[0]);
      if (boxes.length) network.repaint(i, boxes, level, level.tables.slice(first), styles);
      changed = boxes.map((box) => grown(box, GROWTH, size));
    });
    const last = network.sizes[network.sizes.length - 1];
    const painted = network.picture(changed.map((box) => grown(box, 1, last)));
    return painted.length ? painted.reduce(joined) : [0, 0, 0, 0];
  }
}

/**
 * Boxes around what has changed; null where it is another map.
 * @param {Uint8Array} mask
 * @param {Size} full
 */
function changes(mask, full) {
  const boxes = cover(mask, full);
  return boxes.reduce((sum, box) => sum + area(box), 0) > ANOTHER_MAP * mask.length ? null : boxes;
}

/** @param {Int32Array} a @param {Int32Array} b */
function differing(a, b) {
  const mask = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i++) mask[i] = Number(a[i] !== b[i]);
  return mask;
}
