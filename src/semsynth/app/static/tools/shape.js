/**
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Point} Point
 * @typedef {import("./tool.js").Studio} Studio
 * @typedef {import("../raster.js").Span} Span
 */

/**
 * A tool that is pulled from one point to another and shows its shape meanwhile.
 * @param {{id: string, label: string, key: string, hint: string, sized?: boolean}} what
 * @param {(studio: Studio, from: Point, to: Point, span: Span) => void} draw
 * @param {(from: Point, to: Point) => Point} straighten where the far end goes while Shift is held
 * @returns {Tool}
 */
export function shape(what, draw, straighten) {
  /** @type {Pen | null} */
  let start = null;

  /** @param {Studio} studio @param {Pen} pen */
  function redraw(studio, pen) {
    const stroke = studio.stroke;
    if (!stroke || !start) return;
    stroke.reset();
    const end = pen.shift ? straighten(start, pen) : pen;
    draw(studio, start, end, (x0, x1, y) => stroke.paint(x0, x1, y, studio.classId));
    studio.show();
  }

  return {
    ...what,
    down(studio, pen) {
      start = pen;
      studio.begin();
      redraw(studio, pen);
    },
    move: redraw,
    up(studio, pen) {
      redraw(studio, pen);
      start = null;
      studio.finish(what.label);
    },
    cancel() {
      start = null;
    },
  };
}

/**
 * As wide as high.
 * @param {Point} from
 * @param {Point} to
 * @returns {Point}
 */
export function square(from, to) {
  const side = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  return { x: from.x + side * Math.sign(to.x - from.x || 1), y: from.y + side * Math.sign(to.y - from.y || 1) };
}
