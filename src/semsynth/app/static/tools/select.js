import { adder } from "../masks.js";
import { outline } from "./tool.js";

/**
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("./tool.js").Pen} Pen
 * @typedef {import("./tool.js").Point} Point
 * @typedef {import("./tool.js").Studio} Studio
 * @typedef {import("../raster.js").Span} Span
 */

/**
 * A tool that selects, and moves, scales and turns what is selected.
 * @param {{id: string, label: string, key: string, hint: string}} what
 * @param {(studio: Studio, path: Pen[], span: Span) => void} draw what a path of the pen selects
 * @param {(path: Pen[]) => Point[]} [shown] the outline to show meanwhile
 * @returns {Tool}
 */
export function selecting(what, draw, shown = () => []) {
  /** @type {Pen[]} */
  let path = [];

  return {
    ...what,
    selects: true,
    down(studio, pen) {
      path = studio.selection.grab(pen) ? [] : [pen];
    },
    move(studio, pen) {
      if (path.length) path.push(pen);
      else studio.selection.drag(pen);
    },
    up(studio) {
      const { selection, drawing } = studio, [first] = path;
      if (!first) return selection.drop();
      const mask = new Uint8Array(drawing.ids.length);
      draw(studio, path, adder(mask, drawing));
      path = [];
      selection.set(mask, first.shift);
      const count = mask.reduce((sum, one) => sum + one, 0);
      if (count) studio.told.emit(`${((100 * count) / mask.length).toFixed(1)} % of the drawing is selected.`);
    },
    cancel(studio) {
      path = [];
      studio.selection.cancel();
    },
    preview(g, toScreen) {
      const points = shown(path);
      if (points.length > 1) outline(g, points.map(toScreen), true);
    },
  };
}
