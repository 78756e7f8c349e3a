/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {import("./types.js").Size} Size
 */

/** The id of a layer's pixel where the layers below show through. */
export const EMPTY = 255;

/**
 * @typedef {{name: string, visible: boolean, locked?: boolean, ids: Uint8Array<ArrayBuffer>}} Layer
 * @typedef {Size & {layers: Layer[], active: number}} Stack a copy of all layers
 */

/** The drawing: layers of class ids, the first one at the bottom, and what one sees of them. */
export class Drawing {
  /**
   * @param {number} width
   * @param {number} height
   * @param {number} background class id of what is nowhere painted
   */
  constructor(width, height, background) {
    this.width = width;
    this.height = height;
    this.background = background;
    /** @type {Layer[]} */
    this.layers = [{ name: "Background", visible: true, ids: new Uint8Array(width * height).fill(background) }];
    this.active = 0;
    /** What one sees: the topmost class of every pixel. */
    this.ids = new Uint8Array(width * height);
    this.compose(this.whole);
  }

  /** @returns {Rect} */
  get whole() {
    return { x0: 0, y0: 0, x1: this.width, y1: this.height };
  }

  /** @returns {Layer} */
  get layer() {
    return this.layers[this.active];
  }

  /** @param {Size} size */
  reshape({ width, height }) {
    if (width !== this.width || height !== this.height) this.ids = new Uint8Array(width * height);
    this.width = width;
    this.height = height;
  }

  /** What erasing leaves behind on the active layer. */
  get nothing() {
    return this.active === 0 ? this.background : EMPTY;
  }

  /**
   * Work out anew what one sees within a rectangle.
   * @param {Rect} rect
   */
  compose(rect) {
    const shown = this.layers.filter((layer) => layer.visible).map((layer) => layer.ids);
    for (let y = rect.y0; y < rect.y1; y++) {
      for (let i = y * this.width + rect.x0, end = y * this.width + rect.x1; i < end; i++) {
        let id = EMPTY;
        for (let k = shown.length - 1; k >= 0 && id === EMPTY; k--) id = shown[k][i];
        this.ids[i] = id === EMPTY ? this.background : id;
      }
    }
  }

  /**
   * Count the pixels of every class one sees.
   * @returns {Uint32Array}
   */
  areas() {
    const areas = new Uint32Array(256);
    for (const id of this.ids) areas[id]++;
    return areas;
  }

  /** @returns {Stack} */
  copy() {
    const { width, height, active } = this;
    return { width, height, layers: this.layers.map((layer) => ({ ...layer, ids: layer.ids.slice() })), active };
  }

  /** @param {Stack} stack */
  restore(stack) {
    this.reshape(stack);
    this.layers = stack.layers.map((layer) => ({ ...layer, ids: layer.ids.slice() }));
    this.active = Math.min(stack.active, this.layers.length - 1);
    this.compose(this.whole);
  }

  /**
   * Replace everything by one layer.
   * @param {Uint8Array} ids
   * @param {Size} [size] another one than until now
   */
  replace(ids, size = this) {
    this.reshape(size);
    this.layers = [{ name: "Background", visible: true, ids: new Uint8Array(ids) }];
    this.active = 0;
    this.compose(this.whole);
  }
}
