/**
 * @typedef {import("../types.js").Point} Point
 * @typedef {import("../studio.js").Studio} Studio
 * @typedef {Point & {pressure: number, shift: boolean, scale: number}} Pen where the pen is, in pixels of the drawing;
 *   scale: pixels of the screen per pixel of the drawing
 * @typedef {(point: Point) => Point} ToScreen
 *
 * @typedef {object} Tool
 * @property {string} id also the name of its icon
 * @property {string} label
 * @property {string} key its shortcut
 * @property {string} hint
 * @property {import("../types.js").Capability} [needs] without which it is not offered
 * @property {boolean} [sized] whether the brush size matters
 * @property {boolean} [pans] moves the view instead of painting
 * @property {boolean} [selects] selects, and moves what is selected
 * @property {boolean} [stamps] paints the chosen stamp
 * @property {(studio: Studio, pen: Pen) => void} down
 * @property {(studio: Studio, pen: Pen) => void} [move] while it is down
 * @property {(studio: Studio, pen: Pen) => void} [up]
 * @property {(studio: Studio, pen: Pen) => void} [hover] while it is not down
 * @property {() => void} [leave] the pointer is not over the canvas any more
 * @property {(studio: Studio) => void} [cancel]
 * @property {(studio: Studio, key: string) => boolean} [press] a key; true when it was for this tool
 * @property {(studio: Studio) => boolean} [close] Enter or a double click; true when there was something to close
 * @property {(studio: Studio) => boolean} [back] take back what is no step yet; true when there was something
 * @property {(g: CanvasRenderingContext2D, toScreen: ToScreen, studio: Studio) => void} [preview] draw what is not
 *   painted yet
 */

/**
 * The pixel a pen is in, or null outside of the drawing.
 * @param {Studio} studio
 * @param {Point} point
 * @returns {{x: number, y: number, index: number} | null}
 */
export function pixelAt(studio, point) {
  const { width, height } = studio.drawing;
  const x = Math.floor(point.x), y = Math.floor(point.y);
  return x < 0 || y < 0 || x >= width || y >= height ? null : { x, y, index: y * width + x };
}

/**
 * Draw an open or closed outline that can be seen on anything.
 * @param {CanvasRenderingContext2D} g
 * @param {Point[]} points on the screen
 * @param {boolean} closed
 */
export function outline(g, points, closed) {
  g.beginPath();
  points.forEach((p, i) => (i ? g.lineTo(p.x, p.y) : g.moveTo(p.x, p.y)));
  if (closed) g.closePath();
  g.setLineDash([]);
  g.lineWidth = 3;
  g.strokeStyle = "rgba(0,0,0,.65)";
  g.stroke();
  g.lineWidth = 1.25;
  g.strokeStyle = "#fff";
  g.stroke();
}
