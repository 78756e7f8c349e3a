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
  return { canvas, image, pixels: new Uint32Array(image.data.buffer), show: () => g.putImageData(image, 0, 0) };
}
