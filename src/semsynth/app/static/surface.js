/**
 * A picture in memory that is written pixel by pixel.
 * @param {number} width
 * @param {number} height
 */
export function surface(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = g.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer), show = () => g.putImageData(image, 0, 0);
  /** @param {(i: number) => number} of a pixel; whether there is any but 0 */
  const fill = (of) => {
    let any = false;
    for (let i = 0; i < pixels.length; i++) any = (pixels[i] = of(i)) !== 0 || any;
    show();
    return any;
  };
  return { canvas, image, pixels, show, fill };
}
