// The styles of a picture: one, or a row per class. See semsynth/inference/styles.py.

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function equal(a, b) {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

/** Each distinct style of a picture once, and which of them each class has. */
export class Styles {
  /** @param {Float32Array | Float32Array[]} style @param {number} numClasses */
  constructor(style, numClasses) {
    const rows = Array.isArray(style) ? style : [style];
    /** @type {Float32Array[]} */
    this.vectors = [];
    const numbers = rows.map((row) => {
      const known = this.vectors.findIndex((vector) => equal(vector, row));
      return known < 0 ? this.vectors.push(row.slice()) - 1 : known;
    });
    this.ofClass = Int32Array.from({ length: numClasses }, (_, k) => numbers[rows.length > 1 ? k : 0]);
  }

  /** @param {Styles} other */
  sameVectors(other) {
    return this.vectors.length === other.vectors.length && this.vectors.every((row, i) => equal(row, other.vectors[i]));
  }

  /** Per class, whether it had another style before. @param {Styles} before */
  changed(before) {
    const same = (/** @type {number} */ k) => equal(this.vectors[this.ofClass[k]], before.vectors[before.ofClass[k]]);
    return Uint8Array.from(this.ofClass, (_, k) => Number(!same(k)));
  }
}
