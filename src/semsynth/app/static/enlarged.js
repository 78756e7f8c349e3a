/** Pixels of the screen beyond which an enlarged picture is not kept, such as one that is zoomed into. */
const MOST = 4e6;

/** A picture that is shown enlarged. To smooth it takes most of a frame, so it is kept at the size it was shown. */
export class Enlarged {
  constructor() {
    /** @type {CanvasImageSource | null} */
    this.image = null;
    this.canvas = document.createElement("canvas");
    this.place = "";
  }

  /** @param {CanvasImageSource | null} image another one, or the same with other pixels */
  renew(image) {
    this.image = image;
    this.place = "";
  }

  /**
   * @param {CanvasRenderingContext2D} g
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  draw(g, x, y, width, height) {
    if (!this.image) return;
    const ratio = g.getTransform().a, left = Math.floor(x * ratio), top = Math.floor(y * ratio);
    const right = Math.ceil((x + width) * ratio), bottom = Math.ceil((y + height) * ratio);
    if ((right - left) * (bottom - top) > MOST) {
      smoothly(g).drawImage(this.image, x, y, width, height);
      return;
    }
    const place = [x - left / ratio, y - top / ratio, width, height, ratio].join();
    if (this.place !== place) {
      this.place = place;
      this.canvas.width = right - left;
      this.canvas.height = bottom - top;
      const kept = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
      kept.setTransform(ratio, 0, 0, ratio, -left, -top);
      smoothly(kept).drawImage(this.image, x, y, width, height);
    }
    g.imageSmoothingEnabled = false; // a pixel of it is one of the screen
    g.drawImage(this.canvas, left / ratio, top / ratio, this.canvas.width / ratio, this.canvas.height / ratio);
  }
}

/** @param {CanvasRenderingContext2D} g */
function smoothly(g) {
  g.imageSmoothingEnabled = true;
  g.imageSmoothingQuality = "high";
  return g;
}
