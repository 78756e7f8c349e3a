// How classes look: a colour and a pattern each, so that none is known by its colour alone.

/** @typedef {import("./types.js").LabelClass} LabelClass */

/** 8x8 bit patterns, one byte a row. @type {number[][]} */
const PATTERNS = [
  [0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01], // falling lines
  [0x00, 0x00, 0x22, 0x00, 0x00, 0x00, 0x88, 0x00], // dots
  [0xff, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00], // level lines
  [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80], // rising lines
  [0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88], // upright lines
  [0x00, 0x18, 0x3c, 0x7e, 0x3c, 0x18, 0x00, 0x00], // diamonds
  [0xff, 0x80, 0x80, 0x80, 0xff, 0x08, 0x08, 0x08], // bricks
  [0x18, 0x24, 0x42, 0x81, 0x00, 0x00, 0x00, 0x00], // roofs
  [0x88, 0x00, 0x22, 0x00, 0x88, 0x00, 0x22, 0x00], // fine dots
  [0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80], // squares
  [0x00, 0x10, 0x10, 0x7c, 0x10, 0x10, 0x00, 0x00], // crosses
  [0x81, 0x42, 0x24, 0x18, 0x18, 0x24, 0x42, 0x81], // net
  [0x3c, 0x42, 0x81, 0x81, 0x81, 0x81, 0x42, 0x3c], // rings
];

/** The colours of a label set, ready for drawing. */
export class Colours {
  /** @param {LabelClass[]} classes */
  constructor(classes) {
    this.patterned = false;
    /** Per id the plain and the marked colour, as little endian RGBA. */
    this.table = new Uint32Array(512);
    for (const { id, color } of classes) {
      this.table[2 * id] = pack(color);
      this.table[2 * id + 1] = pack(marked(color));
    }
  }

  /**
   * Draw class ids.
   * @param {Uint8Array} ids
   * @param {number} width
   * @param {Uint32Array} pixels the picture, one number a pixel
   */
  draw(ids, width, pixels) {
    const table = this.table;
    if (!this.patterned) {
      for (let i = 0; i < ids.length; i++) pixels[i] = table[2 * ids[i]];
      return;
    }
    for (let i = 0, x = 0, y = 0; i < ids.length; i++) {
      pixels[i] = table[2 * ids[i] + bit(ids[i], x, y)];
      if (++x === width) {
        x = 0;
        y++;
      }
    }
  }

  /** The colour of a class, as style sheets have it. @param {number} id */
  css(id) {
    const [r, g, b] = new Uint8Array(this.table.buffer, 8 * id, 3);
    return `rgb(${r}, ${g}, ${b})`;
  }

  /**
   * A small picture of a class: its colour with its pattern.
   * @param {number} id
   * @param {number} side
   * @param {boolean} [patterned]
   * @returns {HTMLCanvasElement}
   */
  swatch(id, side, patterned = true) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = g.createImageData(side, side);
    const pixels = new Uint32Array(image.data.buffer);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) pixels[y * side + x] = this.table[2 * id + (patterned ? bit(id, x >> 1, y >> 1) : 0)];
    }
    g.putImageData(image, 0, 0);
    return canvas;
  }
}

/**
 * @param {number} id
 * @param {number} x
 * @param {number} y
 */
function bit(id, x, y) {
  return (PATTERNS[id % PATTERNS.length][y & 7] >> (7 - (x & 7))) & 1;
}

/** @param {[number, number, number]} color */
function pack([r, g, b]) {
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

/**
 * A colour that can be told from the given one.
 * @param {[number, number, number]} color
 * @returns {[number, number, number]}
 */
function marked([r, g, b]) {
  const light = 0.299 * r + 0.587 * g + 0.114 * b;
  const towards = light > 110 ? 0 : 255;
  const mix = (/** @type {number} */ v) => Math.round(v + (towards - v) * 0.32);
  return [mix(r), mix(g), mix(b)];
}
