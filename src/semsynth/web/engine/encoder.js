// The style of a photograph. See semsynth/models/style_encoder.py and `encode_photo` in semsynth/hub/styles.py.

/** @typedef {import("./weights.js").WeightFile} WeightFile */
/** @typedef {import("./weights.js").Tensor} Tensor */

/** @typedef {{values: Float32Array, size: [number, number]}} Planes channel by channel, each (h, w) */

const SLOPE = 0.2;
const EPSILON = 1e-5; // of instance norm
const COLOR_DIRECTIONS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]]; // prettier-ignore
const STATISTICS_SCALE = 10;

/**
 * What each place of an axis takes of the places of another: bicubic with antialiasing, or bilinear without.
 * @param {number} from
 * @param {number} to
 * @param {boolean} cubic
 * @returns {{first: number, weights: number[]}[]}
 */
function taps(from, to, cubic) {
  const scale = from / to;
  const stretch = cubic ? Math.max(scale, 1) : 1;
  const support = (cubic ? 2 : 1) * stretch;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(center - support + 0.5));
    const last = Math.min(from, Math.floor(center + support + 0.5));
    const weights = Array.from({ length: last - first }, (_, j) => {
      const x = Math.abs((first + j - center + 0.5) / stretch);
      if (!cubic) return Math.max(0, 1 - x);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    });
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** @param {Planes} planes @param {[number, number]} size @param {boolean} cubic @returns {Planes} */
function resized({ values, size: [h, w] }, size, cubic) {
  if (h === size[0] && w === size[1]) return { values, size };
  const channels = values.length / (h * w);
  const [down, across] = [taps(h, size[0], cubic), taps(w, size[1], cubic)];
  const narrow = new Float32Array(channels * h * size[1]);
  for (let row = 0; row < channels * h; row++) {
    across.forEach(({ first, weights }, x) => {
      let sum = 0;
      for (let j = 0; j < weights.length; j++) sum += weights[j] * values[row * w + first + j];
      narrow[row * size[1] + x] = sum;
    });
  }
  const out = new Float32Array(channels * size[0] * size[1]);
  for (let c = 0; c < channels; c++) {
    down.forEach(({ first, weights }, y) => {
      for (let x = 0; x < size[1]; x++) {
        let sum = 0;
        for (let j = 0; j < weights.length; j++) sum += weights[j] * narrow[(c * h + first + j) * size[1] + x];
        out[(c * size[0] + y) * size[1] + x] = sum;
      }
    });
  }
  return { values: out, size };
}

/** A 3x3 convolution of stride 2, instance norm, and a leaky ReLU. @param {Planes} x @param {Tensor} weight @returns {Planes} */
function halved({ values, size: [h, w] }, { values: weight, shape: [outputs, inputs] }) {
  const size = /** @type {[number, number]} */ ([Math.ceil(h / 2), Math.ceil(w / 2)]);
  const pixels = size[0] * size[1];
  const out = new Float32Array(outputs * pixels);
  const sums = new Float64Array(pixels);
  for (let o = 0; o < outputs; o++) {
    sums.fill(0);
    for (let i = 0; i < inputs; i++) {
      for (let t = 0; t < 9; t++) {
        const factor = weight[(o * inputs + i) * 9 + t];
        const [top, left] = [Math.floor(t / 3) - 1, (t % 3) - 1];
        for (let y = 0; y < size[0]; y++) {
          const row = 2 * y + top;
          if (row < 0 || row >= h) continue;
          for (let x = left < 0 ? 1 : 0; x < size[1] && 2 * x + left < w; x++) {
            sums[y * size[1] + x] += factor * values[(i * h + row) * w + 2 * x + left];
          }
        }
      }
    }
    const mean = sums.reduce((a, b) => a + b, 0) / pixels;
    const variance = sums.reduce((a, b) => a + (b - mean) ** 2, 0) / pixels;
    const scale = 1 / Math.sqrt(variance + EPSILON);
    for (let at = 0; at < pixels; at++) {
      const value = (sums[at] - mean) * scale;
      out[o * pixels + at] = value > 0 ? value : SLOPE * value;
    }
  }
  return { values: out, size };
}

/** Mean and deviation of a photograph's colours along six directions. @param {Planes} photo @returns {number[]} */
function statistics({ values }) {
  const pixels = values.length / 3;
  const means = [];
  const deviations = [];
  for (const direction of COLOR_DIRECTIONS) {
    const length = Math.hypot(...direction);
    const [r, g, b] = direction.map((part) => part / length);
    let [sum, squares] = [0, 0];
    for (let at = 0; at < pixels; at++) {
      const value = r * values[at] + g * values[pixels + at] + b * values[2 * pixels + at];
      sum += value;
      squares += value * value;
    }
    means.push((STATISTICS_SCALE * sum) / pixels);
    deviations.push(STATISTICS_SCALE * Math.sqrt(Math.max(0, squares - (sum * sum) / pixels) / (pixels - 1)));
  }
  return [...means, ...deviations];
}

/** @param {ArrayLike<number>} x @param {Tensor} weight @param {ArrayLike<number>} [bias] */
function linear(x, { values, shape: [outputs, inputs] }, bias) {
  return Float64Array.from({ length: outputs }, (_, o) => {
    let sum = bias ? bias[o] : 0;
    for (let i = 0; i < inputs; i++) sum += values[o * inputs + i] * x[i];
    return sum;
  });
}

/** The style encoder of a model. */
export class Encoder {
  /** @param {WeightFile} file @param {number} side of the pictures it sees */
  constructor(file, side) {
    this.side = side;
    this.size = file.description.image_size;
    const tensor = (/** @type {string} */ name) => file.tensor(`encoder.${name}`);
    /** @type {Tensor[]} */
    this.convolutions = [];
    while (file.has(`encoder.convs.${this.convolutions.length}.weight`)) {
      this.convolutions.push(tensor(`convs.${this.convolutions.length}.weight`));
    }
    this.mean = tensor("mean.weight");
    this.bias = tensor("mean.bias").values;
    this.whitened = file.has("encoder.factor") ? { shift: tensor("shift").values, factor: tensor("factor") } : null;
  }

  /**
   * @param {Uint8Array | Uint8ClampedArray} pixels (height, width, 3 or 4), of any size
   * @param {number} width
   * @param {number} height
   * @returns {Float32Array} the style (Z)
   */
  style(pixels, width, height) {
    const count = width * height;
    const channels = pixels.length / count;
    if (channels !== 3 && channels !== 4) throw new Error("A photograph has 3 or 4 bytes a pixel.");
    const values = Float32Array.from({ length: 3 * count }, (_, at) => {
      return pixels[(at % count) * channels + Math.floor(at / count)] / 127.5 - 1;
    });
    const photo = resized({ values, size: [height, width] }, this.size, true);
    photo.values = photo.values.map((value) => Math.min(1, Math.max(-1, value)));
    let x = resized(photo, [this.side, this.side], false);
    for (const weight of this.convolutions) x = halved(x, weight);
    const features = [...x.values];
    if (this.mean.shape[1] > features.length) features.push(...statistics(photo));
    const mean = linear(features, this.mean, this.bias);
    if (!this.whitened) return Float32Array.from(mean);
    const { shift, factor } = this.whitened;
    return Float32Array.from(linear(mean.map((value, i) => value - shift[i]), factor));
  }
}
