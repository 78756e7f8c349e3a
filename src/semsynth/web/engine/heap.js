// The engine's own share of the module's memory. The module's `malloc` rounds large sizes up to powers of two.

const PAGE = 1 << 16;
const ALIGNMENT = 64;
const STEP = 1 << 24; // by which the memory grows at least: engines collect garbage whenever a large memory grows

/** @typedef {{at: number, size: number}} Span */

/** Hands out memory: of what is free, the smallest piece that suffices; else the memory grows. */
export class Heap {
  /** @param {WebAssembly.Memory} memory */
  constructor(memory) {
    this.memory = memory;
    /** @type {Span[]} */
    this.free = []; // by address; no two touch
    /** @type {Map<number, number>} */
    this.sizes = new Map(); // by address, of what is handed out
    this.clean = 0; // from here on all that is free is zero
  }

  /** @param {number} bytes @returns {number} an address; zeros lie there */
  take(bytes) {
    const size = Math.ceil(Math.max(1, bytes) / ALIGNMENT) * ALIGNMENT;
    const fitting = this.free.filter((span) => span.size >= size);
    const span = fitting.length ? fitting.reduce((a, b) => (b.size < a.size ? b : a)) : this.grow(size);
    const { at } = span;
    span.at += size;
    span.size -= size;
    if (!span.size) this.free.splice(this.free.indexOf(span), 1);
    this.sizes.set(at, size);
    const used = Math.min(size, this.clean - at);
    if (used > 0) new Uint8Array(this.memory.buffer, at, used).fill(0);
    this.clean = Math.max(this.clean, at + size);
    return at;
  }

  /** Of all that is handed out. */
  get addresses() {
    return new Set(this.sizes.keys());
  }

  /** Take back what is not among some addresses. @param {Set<number>} kept */
  keep(kept) {
    for (const address of this.addresses) if (!kept.has(address)) this.give(address);
  }

  /** A free piece of at least this size at the end of the memory. @param {number} size @returns {Span} */
  grow(size) {
    const end = this.memory.buffer.byteLength;
    const last = this.free.at(-1);
    const there = last && last.at + last.size === end ? last.size : 0;
    try {
      this.memory.grow(Math.ceil(Math.max(STEP, size - there) / PAGE));
    } catch {
      throw new Error("There is not enough memory for a picture of this size.");
    }
    this.put(end, this.memory.buffer.byteLength - end);
    return /** @type {Span} */ (this.free.at(-1));
  }

  /** @param {number} address */
  give(address) {
    this.put(address, this.sizes.get(address) ?? 0);
    this.sizes.delete(address);
  }

  /** @param {number} at @param {number} size */
  put(at, size) {
    let place = this.free.findIndex((span) => span.at > at);
    if (place < 0) place = this.free.length;
    const [before, after] = [this.free[place - 1], this.free[place]];
    const joinsBefore = before && before.at + before.size === at;
    const joinsAfter = after && at + size === after.at;
    if (joinsBefore) before.size += size + (joinsAfter ? after.size : 0);
    else if (joinsAfter) [after.at, after.size] = [at, after.size + size];
    else this.free.splice(place, 0, { at, size });
    if (joinsBefore && joinsAfter) this.free.splice(place, 1);
  }
}
