// What lies on top of map and picture: titles, the wipe's edge, the cursor.

/**
 * @typedef {import("./view.js").View} View
 * @typedef {import("./panes.js").Pane} Pane
 */

import { GAP, gapOf } from "./panes.js";

const TITLE = "12px system-ui, sans-serif";

/**
 * The edge of the wipe, with its handle.
 * @param {View} view
 * @param {Pane} pane
 */
export function drawEdge(view, pane) {
  const g = view.g, x = view.edge, y = pane.h / 2;
  g.fillStyle = "rgba(0,0,0,.3)"; // seen where all around is white
  g.fillRect(x - 2, 0, 4, pane.h);
  g.beginPath();
  g.arc(x, y, 15, 0, 7);
  g.fill();
  g.fillStyle = "rgb(255,255,255)";
  g.fillRect(x - 1, 0, 2, pane.h);
  g.beginPath();
  g.arc(x, y, 14, 0, 7);
  g.fill();
  g.fillStyle = "#1b1f26";
  for (const side of [-1, 1]) {
    g.beginPath();
    g.moveTo(x + side * 9, y);
    g.lineTo(x + side * 4, y - 5);
    g.lineTo(x + side * 4, y + 5);
    g.fill();
  }
}

/**
 * What one takes hold of between map and picture.
 * @param {View} view
 */
export function drawGrip(view) {
  const g = view.g, { x, y } = gapOf(view), half = GAP / 2;
  g.fillStyle = getComputedStyle(view.canvas).color;
  const middle = x > 0 ? [x + half, view.canvas.clientHeight / 2] : [view.canvas.clientWidth / 2, y + half];
  for (const step of [-8, 0, 8]) {
    g.beginPath();
    g.arc(middle[0] + (x > 0 ? 0 : step), middle[1] + (x > 0 ? step : 0), 1.75, 0, 7);
    g.fill();
  }
}

/**
 * Say above a pane what it shows, where the drawing leaves room.
 * @param {View} view
 * @param {Pane} pane
 */
export function drawTitle(view, pane) {
  const corner = view.toCanvas({ x: 0, y: 0 }, pane);
  if (corner.y - pane.y < 14 || pane.shows === "overlay") return;
  const left = view.reference ? "Kept picture" : "Label map";
  const g = view.g;
  g.font = TITLE;
  g.fillStyle = getComputedStyle(view.canvas).color;
  g.textBaseline = "bottom";
  g.textAlign = "left";
  if (pane.shows !== "picture") g.fillText(left, corner.x, corner.y - 5);
  if (pane.shows === "map") return;
  const right = view.toCanvas({ x: view.studio.drawing.width, y: 0 }, pane).x;
  if (pane.shows === "wipe") g.textAlign = "right";
  g.fillText("Picture", pane.shows === "wipe" ? right : corner.x, corner.y - 5);
}

/**
 * The tool as it would paint, and what it has not painted yet.
 * @param {View} view
 * @param {Pane} pane
 */
export function drawCursor(view, pane) {
  view.tool?.preview?.(view.g, (p) => view.toCanvas(p, pane), view.studio);
  if (!view.cursor || !view.tool || view.tool.pans) return;
  const p = view.toCanvas(view.cursor, pane);
  const g = view.g;
  const radius = view.tool.sized && !view.tool.stamps ? Math.max(1.5, (view.studio.size / 2) * view.zoom * pane.k) : 0;
  for (const [width, colour] of /** @type {[number, string][]} */ ([[3, "rgba(0,0,0,.55)"], [1.25, "#fff"]])) {
    g.lineWidth = width;
    g.strokeStyle = colour;
    g.beginPath();
    if (radius) g.arc(p.x, p.y, radius, 0, 7);
    if (!radius || view.keyboard) {
      g.moveTo(p.x - 9, p.y);
      g.lineTo(p.x + 9, p.y);
      g.moveTo(p.x, p.y - 9);
      g.lineTo(p.x, p.y + 9);
    }
    g.stroke();
  }
}

/**
 * What is selected, with what one can take hold of where the tool selects; and the line that strokes are mirrored at.
 * @param {View} view
 * @param {Pane} pane
 */
export function drawSelection(view, pane) {
  const { g, studio: { selection, drawing, mirrored } } = view, scale = view.zoom * pane.k;
  const origin = view.toCanvas({ x: 0, y: 0 }, pane), toScreen = [scale, 0, 0, scale, origin.x, origin.y];
  if (mirrored) {
    const x = origin.x + (drawing.width / 2) * scale;
    const line = new Path2D();
    line.moveTo(x, origin.y);
    line.lineTo(x, origin.y + drawing.height * scale);
    ants(g, line);
  }
  if (!selection.mask) return;
  const outline = new Path2D();
  outline.addPath(selection.edges(), new DOMMatrix(toScreen).multiply(new DOMMatrix(selection.map)));
  ants(g, outline);
  if (!view.tool?.selects) return;
  g.strokeStyle = "#000";
  g.fillStyle = "#fff";
  g.lineWidth = 1;
  for (const { at, kind } of selection.handles(scale)) {
    const { x, y } = view.toCanvas(at, pane);
    g.beginPath();
    if (kind === "turn") g.arc(x, y, 5, 0, 7);
    else g.rect(x - 4, y - 4, 8, 8);
    g.fill();
    g.stroke();
  }
}

/**
 * A line of black and white dashes, seen on anything.
 * @param {CanvasRenderingContext2D} g
 * @param {Path2D} path
 */
function ants(g, path) {
  g.lineWidth = 1;
  for (const [colour, offset] of /** @type {[string, number][]} */ ([["#000", 0], ["#fff", 4]])) {
    g.strokeStyle = colour;
    g.setLineDash([4, 4]);
    g.lineDashOffset = offset;
    g.stroke(path);
  }
  g.setLineDash([]);
}
