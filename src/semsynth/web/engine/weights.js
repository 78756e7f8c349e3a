// Reading the file that semsynth/web/weights.py writes.

const MAGIC = "semsynth";
const VERSION = 1;

/** @typedef {{values: Float32Array, shape: number[]}} Tensor */

/**
 * @typedef {object} Description
 * @property {string} name
 * @property {number} num_classes
 * @property {string[]} classes their names
 * @property {[number, number]} image_size height and width the network was trained for
 * @property {number | null} style_dim
 * @property {number} noise_period
 * @property {number} stride
 * @property {number} kernel_size of the convolutions inside SPADE
 * @property {boolean[]} upsample of each block
 * @property {number | null} encoder_size side of the pictures that the style encoder sees; null where there is none
 * @property {{name: string, note: string, vector: number[]}[]} styles
 * @property {{name: string, shape: number[], type: "float16" | "float32"}[]} tensors
 */

/** What is in the file, its tensors made one at a time. */
export class WeightFile {
  /** @param {ArrayBuffer} data gzip-compressed or not */
  static async read(data) {
    const start = new Uint8Array(data, 0, 2);
    if (start[0] !== 0x1f || start[1] !== 0x8b) return new WeightFile(data);
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new WeightFile(await new Response(stream).arrayBuffer());
  }

  /** @param {ArrayBuffer} data */
  constructor(data) {
    const view = new DataView(data);
    const magic = String.fromCharCode(...new Uint8Array(data, 0, Math.min(8, data.byteLength)));
    if (magic !== MAGIC || view.getUint32(8, true) !== VERSION) {
      throw new Error("The model file is damaged, or of another version than this page.");
    }
    const length = view.getUint32(12, true);
    /** @type {Description} */
    this.description = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 16, length)));
    /** @type {Map<string, {shape: number[], count: number, half: boolean, at: number}>} */
    this.places = new Map();
    const ends = { float16: 0, float32: 0 };
    for (const { name, shape, type } of this.description.tensors) {
      const count = shape.reduce((product, side) => product * side, 1);
      this.places.set(name, { shape, count, half: type === "float16", at: ends[type] });
      ends[type] += count;
    }
    const begin = 16 + length;
    this.low = new Uint8Array(data, begin, ends.float16);
    this.high = new Uint8Array(data, begin + ends.float16, ends.float16);
    this.singles = new Uint8Array(data, begin + 2 * ends.float16, 4 * ends.float32);
    if (begin + 2 * ends.float16 + 4 * ends.float32 !== data.byteLength) throw new Error("The model file is cut off.");
    this.numbers = halfNumbers();
  }

  /** @param {string} name */
  has(name) {
    return this.places.has(name);
  }

  /** @param {string} name @returns {Tensor} */
  tensor(name) {
    const place = this.places.get(name);
    if (!place) throw new Error(`The model file has no ${name}.`);
    const { shape, count, half, at } = place;
    if (!half) return { shape, values: new Float32Array(this.singles.slice(4 * at, 4 * (at + count)).buffer) };
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = this.numbers[(this.high[at + i] << 8) | this.low[at + i]];
    return { shape, values };
  }
}

/** The value of each of the 65536 float16 numbers. */
function halfNumbers() {
  return Float32Array.from({ length: 1 << 16 }, (_, bits) => {
    const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  });
}
