// The plan and the tables of one resolution, which follow a label map while it is edited. See inference/levels.py.

import { grown, merged, whole } from "./boxes.js";

/** @typedef {import("./boxes.js").Box} Box */
/** @typedef {import("./boxes.js").Size} Size */
/** @typedef {import("./native.js").Native} Native */
/** @typedef {import("./native.js").Block} Block */
/** @typedef {import("./tables.js").Modulation} Modulation */

/** How many rows to have room for. @param {number} used */
const roomFor = (used) => Math.ceil(1.25 * used) + 256;

/**
 * The windows of the pixels in a box.
 * @typedef {{patches: Int32Array, neighbours: Int32Array, index: Int32Array}} Plan
 */

export class Level {
  /**
   * @param {Native} native
   * @param {Size} size
   * @param {number} side of the convolutions inside SPADE
   * @param {Modulation[]} modulations of all layers of this size
   */
  constructor(native, size, side, modulations) {
    this.native = native;
    this.size = size;
    this.side = side;
    this.modulations = modulations;
    this.reach = 2 * (side >> 1); // how many pixels around a changed label see it
    this.index = native.ints(size[0] * size[1]);
    this.used = this.room = 0;
    /** @type {Block[]} */
    this.tables = [];
    this.classes = new Int32Array(0); // of each row, the class at the centre of its window
    /** @type {Block | null} */
    this.styleOf = null;
  }

  /** Drop the tables. */
  clear() {
    for (const block of [this.styleOf, ...this.tables]) block?.free();
    this.tables = [];
    this.styleOf = null;
    this.used = 0;
    this.room = 0;
  }

  /** Make all tables of a map. @param {Int32Array} symbols @param {Size} full */
  begin(symbols, full) {
    this.renew(symbols, full, [whole(this.size)]);
  }

  /**
   * Follow the map.
   * @param {Int32Array} symbols of the full map
   * @param {Size} full its size
   * @param {Box[]} changed boxes around all pixels of this level that have another symbol than before
   * @returns {Box[]} boxes around all pixels whose modulation may be another
   */
  edit(symbols, full, changed) {
    const boxes = merged(changed.map((box) => grown(box, this.reach, this.size)), this.reach, this.size);
    if (boxes.length) this.renew(symbols, full, boxes);
    return boxes;
  }

  /**
   * Number the windows of boxes anew, and give them rows behind the others.
   * @param {Int32Array} symbols
   * @param {Size} full
   * @param {Box[]} boxes
   */
  renew(symbols, full, boxes) {
    const taps = this.side ** 2;
    const plans = boxes.map((box) => this.number(symbols, full, box));
    const patches = this.native.ints(plans.reduce((sum, plan) => sum + plan.patches.length, 0));
    const neighbours = this.native.ints(plans.reduce((sum, plan) => sum + plan.neighbours.length, 0));
    const count = neighbours.length / taps;
    this.reserve(count);
    const [small, large, index] = [patches.values, neighbours.values, this.index.values];
    let [near, far] = [0, 0];
    plans.forEach((plan, i) => {
      small.set(plan.patches, near * taps);
      for (let at = 0; at < plan.neighbours.length; at++) {
        const row = plan.neighbours[at];
        large[far * taps + at] = row && row + near; // 0 stays: outside
      }
      const [top, left, bottom, right] = boxes[i];
      for (let y = top, at = 0; y < bottom; y++) {
        for (let x = left; x < right; x++, at++) index[y * this.size[1] + x] = plan.index[at] + far + this.used;
      }
      near += plan.patches.length / taps;
      far += plan.neighbours.length / taps;
    });
    const middle = taps >> 1;
    for (let i = 0; i < count; i++) {
      this.classes[this.used + i] = small[(large[i * taps + middle] - 1) * taps + middle] - 1;
    }
    this.modulations.forEach((modulation, i) =>
      modulation.run(patches, neighbours, this.tables[i].at(this.used * modulation.width)),
    );
    this.used += count;
    patches.free();
    neighbours.free();
  }

  /** @param {Int32Array} symbols @param {Size} full @param {Box} box @returns {Plan} */
  number(symbols, [height, width], box) {
    const crop = grown(box, this.reach, this.size);
    const [high, wide] = [crop[2] - crop[0], crop[3] - crop[1]];
    const ids = this.native.ints(high * wide);
    const seen = ids.values;
    for (let y = 0; y < high; y++) {
      const row = Math.floor(((crop[0] + y) * height) / this.size[0]) * width;
      for (let x = 0; x < wide; x++) {
        seen[y * wide + x] = symbols[row + Math.floor(((crop[1] + x) * width) / this.size[1])];
      }
    }
    const small = this.native.numberWindows(ids, [high, wide], this.side);
    for (let i = 0; i < small.numbers.length; i++) small.numbers[i]++;
    ids.values.set(small.numbers);
    const large = this.native.numberWindows(ids, [high, wide], this.side);
    ids.free();
    const index = new Int32Array((box[2] - box[0]) * (box[3] - box[1]));
    for (let y = box[0], at = 0; y < box[2]; y++) {
      for (let x = box[1]; x < box[3]; x++, at++) index[at] = large.numbers[(y - crop[0]) * wide + x - crop[1]];
    }
    const kept = renumber(index, large.count); // windows outside the box were cut off
    return { patches: small.windows, neighbours: rowsOf(large.windows, kept, this.side ** 2), index };
  }

  /** Make room for so many more rows: those that no pixel uses go. @param {number} count */
  reserve(count) {
    if (this.used + count <= this.room) return;
    const kept = renumber(this.index.values, this.used);
    const room = roomFor(kept.length + count);
    this.modulations.forEach(({ width }, i) => {
      const table = this.native.floats(room * width);
      if (this.tables[i]) {
        const before = this.tables[i].values;
        const after = table.values;
        kept.forEach((row, at) => after.set(before.subarray(row * width, (row + 1) * width), at * width));
        this.tables[i].free();
      }
      this.tables[i] = table;
    });
    const classes = new Int32Array(room);
    kept.forEach((row, at) => (classes[at] = this.classes[row]));
    this.classes = classes;
    this.used = kept.length;
    this.room = room;
  }

  /**
   * Which style each row of the tables has; null where there is one style.
   * @param {import("./styles.js").Styles | null} styles
   */
  stylesOfRows(styles) {
    if (!styles || styles.vectors.length === 1) return null;
    if (this.styleOf && this.styleOf.length < this.room) this.styleOf = (this.styleOf.free(), null);
    this.styleOf ??= this.native.ints(this.room);
    const to = this.styleOf.values;
    for (let i = 0; i < this.used; i++) to[i] = styles.ofClass[this.classes[i]];
    return this.styleOf;
  }
}

/**
 * Number what occurs of 0..count-1 in order, in place.
 * @param {Int32Array} index
 * @param {number} count
 * @returns {Int32Array} what occurs
 */
function renumber(index, count) {
  const numbers = new Int32Array(count);
  for (const number of index) numbers[number] = 1;
  const kept = new Int32Array(count);
  let used = 0;
  for (let i = 0; i < count; i++) {
    if (!numbers[i]) continue;
    kept[used] = i;
    numbers[i] = used++;
  }
  for (let i = 0; i < index.length; i++) index[i] = numbers[index[i]];
  return kept.subarray(0, used);
}

/** @param {Int32Array} rows @param {Int32Array} kept @param {number} width */
function rowsOf(rows, kept, width) {
  const out = new Int32Array(kept.length * width);
  kept.forEach((row, at) => out.set(rows.subarray(row * width, (row + 1) * width), at * width));
  return out;
}
