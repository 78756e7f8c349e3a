// The kernels of the WebAssembly module, its memory, and the structs that lie there. See semsynth/ops/structs.py.

import { Heap } from "./heap.js";

const INTERFACE = 7; // of the C structs and functions, as in _native/kernels.h

/** @typedef {Float32Array | Int32Array} Numbers */

/**
 * A struct's fields: p pointer, l 64-bit integer, i 32-bit integer, f float, or the fields of a struct within.
 * @typedef {{[name: string]: "p" | "l" | "i" | "f" | Fields}} Fields
 */

/** @type {Fields} */
const SOURCE = {
  ...{ x: "p", norm: "p", index: "p", table: "p", style: "p", styleOf: "p", weight: "p" },
  ...{ channels: "l", depth: "l", blocks: "l", doubled: "i", slope: "f" },
};

/** Those that the engine uses, as _native/kernels.h and convolve.h define them. @type {{[name: string]: Fields}} */
const STRUCTS = {
  lookup: {
    ...{ table: "p", bias: "p", patches: "p", out: "p", gradTable: "p" },
    ...{ count: "l", taps: "l", symbols: "l", width: "l", relu: "i", half: "i", halfTable: "i" },
  },
  convolve: {
    ...{ source: SOURCE, shortcut: SOURCE, bias: "p", residual: "p", noise: "p", out: "p", boxes: "p" },
    ...{ numBoxes: "l", height: "l", width: "l", outChannels: "l", groups: "l", group: "l" },
    ...{ tile: "i", offset: "i", strip: "i", residualDoubled: "i", slope: "f" },
  },
  multiply_windows: {
    ...{ rows: "p", windows: "p", weight: "p", bias: "p", out: "p" },
    ...{ count: "l", taps: "l", depth: "l", outputs: "l", groups: "l", group: "l", numRows: "l" },
  },
};
const PLACES = { lookup: 1, convolve: 8, multiply_windows: 9 }; // of their sizes among those of `semsynth_sizes`
const COUNT = 12;

/** @typedef {{size: number, fields: Map<string, {type: string, at: number}>}} Layout */

/**
 * Where the fields of a struct lie; those of a struct within are "outer.inner".
 * @param {Fields} fields
 * @returns {Layout}
 */
function layout(fields) {
  const places = new Map();
  let end = 0;
  for (const [name, type] of Object.entries(fields)) {
    if (typeof type === "object") {
      const inner = layout(type);
      end = Math.ceil(end / 8) * 8;
      for (const [field, place] of inner.fields) places.set(`${name}.${field}`, { ...place, at: end + place.at });
      end += inner.size;
    } else {
      const bytes = type === "l" ? 8 : 4;
      end = Math.ceil(end / bytes) * bytes;
      places.set(name, { type, at: end });
      end += bytes;
    }
  }
  return { size: Math.ceil(end / 8) * 8, fields: places };
}

const LAYOUTS = Object.fromEntries(Object.entries(STRUCTS).map(([name, fields]) => [name, layout(fields)]));

/** An instance of the module. */
export class Native {
  /** @param {WebAssembly.Module | BufferSource} module */
  static async load(module) {
    const compiled = module instanceof WebAssembly.Module ? module : await WebAssembly.compile(module);
    return new Native(await WebAssembly.instantiate(compiled, {}));
  }

  /** @param {WebAssembly.Instance} instance */
  constructor(instance) {
    /** @type {{[name: string]: any}} */
    const library = instance.exports;
    this.library = library;
    this.heap = new Heap(library.memory);
    library._initialize();
    const sizes = this.bytes(8 * COUNT);
    library.semsynth_sizes(sizes.address);
    const view = new BigInt64Array(library.memory.buffer, sizes.address, COUNT);
    const fits = Object.entries(PLACES).every(([name, at]) => Number(view[at]) === LAYOUTS[name].size);
    sizes.free();
    if (library.semsynth_interface() !== INTERFACE || !fits) {
      throw new Error("The WebAssembly module was built from other sources than this engine.");
    }
  }

  /** Bytes of memory that the module has taken. */
  get used() {
    return this.library.memory.buffer.byteLength;
  }

  /** @param {number} length */
  bytes(length) {
    return new Block(this, Uint8Array, length);
  }

  /** @param {number} length */
  floats(length) {
    return new Block(this, Float32Array, length);
  }

  /** @param {number} length */
  ints(length) {
    return new Block(this, Int32Array, length);
  }

  /** @param {Numbers} values */
  copied(values) {
    const block = values instanceof Float32Array ? this.floats(values.length) : this.ints(values.length);
    block.values.set(values);
    return block;
  }

  /** @param {string} name */
  struct(name) {
    return new Struct(this, name);
  }

  /**
   * Call a kernel that takes one struct.
   * @param {string} name
   * @param {{[field: string]: number}} fields
   */
  call(name, fields) {
    const struct = this.struct(name).set(fields);
    struct.run();
    struct.free();
  }

  /**
   * Number the distinct windows of ids; outside counts as 0.
   * @param {Block} ids (h, w) int32
   * @param {import("./boxes.js").Size} size
   * @param {number} side
   * @returns {{numbers: Int32Array, windows: Int32Array, count: number}} per pixel, and (count, side * side)
   */
  numberWindows(ids, [height, width], side) {
    const numbers = this.ints(height * width);
    const windows = this.ints(height * width * side * side);
    const sizes = [1, height, width, side].map(BigInt);
    const count = Number(
      this.library.semsynth_number_windows(ids.address, ...sizes, numbers.address, windows.address),
    );
    const result = { numbers: numbers.values.slice(), windows: windows.values.slice(0, count * side * side), count };
    numbers.free();
    windows.free();
    return result;
  }
}

/**
 * A piece of the module's memory, all zeros at first. Its values are looked at anew each time: whenever the memory
 * grows, older views of it become empty.
 * @template {Numbers | Uint8Array} [T=any]
 */
export class Block {
  /**
   * @param {Native} native
   * @param {{new (buffer: ArrayBuffer, at: number, length: number): T, BYTES_PER_ELEMENT: number}} kind
   * @param {number} length
   */
  constructor(native, kind, length) {
    this.native = native;
    this.kind = kind;
    this.length = length;
    this.address = native.heap.take(length * kind.BYTES_PER_ELEMENT);
  }

  get values() {
    return new this.kind(this.native.library.memory.buffer, this.address, this.length);
  }

  /** The address of a value. @param {number} index */
  at(index) {
    return this.address + index * this.kind.BYTES_PER_ELEMENT;
  }

  free() {
    this.native.heap.give(this.address);
  }
}

/** The arguments of a kernel. */
export class Struct {
  /** @param {Native} native @param {string} name */
  constructor(native, name) {
    this.native = native;
    this.name = name;
    this.layout = LAYOUTS[name];
    this.block = native.bytes(this.layout.size);
  }

  /** @param {{[field: string]: number}} fields */
  set(fields) {
    const view = new DataView(this.native.library.memory.buffer, this.block.address, this.layout.size);
    for (const [field, value] of Object.entries(fields)) {
      const place = this.layout.fields.get(field);
      if (!place) throw new TypeError(`${this.name} has no field ${field}`);
      if (place.type === "l") view.setBigInt64(place.at, BigInt(value), true);
      else if (place.type === "f") view.setFloat32(place.at, value, true);
      else view.setUint32(place.at, value, true);
    }
    return this;
  }

  run() {
    this.native.library[`semsynth_${this.name}`](this.block.address);
  }

  free() {
    this.block.free();
  }
}
