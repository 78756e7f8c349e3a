// Shapes to rows of pixels. A pixel belongs to a shape when its middle does. Nothing here knows of classes.

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {(x0: number, x1: number, y: number) => void} Span called for x0 <= x < x1 of row y, maybe outside the drawing
 */

/** How much of its radius a rough edge takes at most. */
const ROUGHNESS = 0.6;

/**
 * A line with round ends; a disc where both ends are one point.
 * @param {Point} a
 * @param {Point} b
 * @param {number} ra radius at a
 * @param {number} rb radius at b
 * @param {Span} span
 */
export function capsule(a, b, ra, rb, span) {
  const dx = b.x - a.x, dy = b.y - a.y;
  const length2 = dx * dx + dy * dy;
  const y0 = Math.floor(Math.min(a.y - ra, b.y - rb)), y1 = Math.ceil(Math.max(a.y + ra, b.y + rb));
  const x0 = Math.floor(Math.min(a.x - ra, b.x - rb)), x1 = Math.ceil(Math.max(a.x + ra, b.x + rb));
  for (let y = y0; y < y1; y++) {
    let first = -1, last = -1;
    for (let x = x0; x < x1; x++) {
      const px = x + 0.5 - a.x, py = y + 0.5 - a.y;
      const t = length2 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
      const ex = px - t * dx, ey = py - t * dy, r = ra + t * (rb - ra);
      if (ex * ex + ey * ey >= r * r) continue; // equal would put a lone pixel on each side of a disc
      if (first < 0) first = x;
      last = x;
    }
    if (last >= first && last >= 0) span(Math.max(first, 0), last + 1, y);
  }
}

/**
 * The same with a rough edge, which depends on the place alone: strokes over each other go together.
 * @param {Point} a
 * @param {Point} b
 * @param {number} ra radius at a
 * @param {number} rb radius at b
 * @param {Span} span
 */
export function ragged(a, b, ra, rb, span) {
  const cell = Math.max(2, Math.round(Math.max(ra, rb) / 4));
  capsule(a, b, ra, rb, (x0, x1, y) => {
    for (let x = x0, start = -1; x <= x1; x++) {
      const keep = ROUGHNESS * (0.65 * grain(x, y, cell) + 0.35 * grain(x, y, 2));
      const inside = x < x1 && depth(a, b, ra, rb, x, y) > keep;
      if (inside && start < 0) start = x;
      if (inside || start < 0) continue;
      span(start, x, y);
      start = -1;
    }
  });
}

/**
 * How deep a pixel lies in a line with round ends: 0 at its edge, 1 in its middle.
 * @param {Point} a
 * @param {Point} b
 * @param {number} ra
 * @param {number} rb
 * @param {number} x
 * @param {number} y
 */
function depth(a, b, ra, rb, x, y) {
  const dx = b.x - a.x, dy = b.y - a.y, px = x + 0.5 - a.x, py = y + 0.5 - a.y, length2 = dx * dx + dy * dy;
  const t = length2 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
  return 1 - Math.hypot(px - t * dx, py - t * dy) / (ra + t * (rb - ra));
}

/**
 * A number from 0 to 1 that is the same for all pixels of a cell.
 * @param {number} x
 * @param {number} y
 * @param {number} cell
 */
function grain(x, y, cell) {
  let hash = Math.imul(Math.floor(x / cell), 0x9e3779b1) ^ Math.imul(Math.floor(y / cell), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/**
 * @param {Point} a
 * @param {Point} b the opposite corner
 * @param {Span} span
 */
export function rectangle(a, b, span) {
  const x0 = Math.floor(Math.min(a.x, b.x)), x1 = Math.floor(Math.max(a.x, b.x)) + 1;
  const y0 = Math.floor(Math.min(a.y, b.y)), y1 = Math.floor(Math.max(a.y, b.y)) + 1;
  for (let y = y0; y < y1; y++) span(x0, x1, y);
}

/**
 * The ellipse that fits into a rectangle.
 * @param {Point} a
 * @param {Point} b the opposite corner
 * @param {Span} span
 */
export function ellipse(a, b, span) {
  const x0 = Math.floor(Math.min(a.x, b.x)), x1 = Math.floor(Math.max(a.x, b.x)) + 1;
  const y0 = Math.floor(Math.min(a.y, b.y)), y1 = Math.floor(Math.max(a.y, b.y)) + 1;
  const cx = (x0 + x1) / 2, cy = (y0 + y1) / 2, rx = (x1 - x0) / 2, ry = (y1 - y0) / 2;
  for (let y = y0; y < y1; y++) {
    const v = (y + 0.5 - cy) / ry;
    const half = rx * Math.sqrt(Math.max(0, 1 - v * v));
    span(Math.round(cx - half), Math.max(Math.round(cx - half) + 1, Math.round(cx + half)), y);
  }
}

/**
 * The inside of a polygon, by the even-odd rule.
 * @param {Point[]} points
 * @param {Span} span
 */
export function polygon(points, span) {
  const ys = points.map((p) => p.y);
  for (let y = Math.floor(Math.min(...ys)); y <= Math.max(...ys); y++) {
    const middle = y + 0.5;
    /** @type {number[]} */
    const cuts = [];
    for (let i = 0; i < points.length; i++) {
      const a = points[i], b = points[(i + 1) % points.length];
      if (a.y <= middle !== b.y <= middle) cuts.push(a.x + ((middle - a.y) / (b.y - a.y)) * (b.x - a.x));
    }
    cuts.sort((p, q) => p - q);
    for (let i = 0; i + 1 < cuts.length; i += 2) {
      const x0 = Math.ceil(cuts[i] - 0.5), x1 = Math.ceil(cuts[i + 1] - 0.5);
      if (x1 > x0) span(x0, x1, y);
    }
  }
}

/**
 * The connected area of one id around a point.
 * @param {Uint8Array} ids
 * @param {number} width
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {Span} span
 */
export function flood(ids, width, height, x, y, span) {
  const wanted = ids[y * width + x];
  const seen = new Uint8Array(ids.length);
  const stack = [y * width + x];
  while (stack.length) {
    const start = /** @type {number} */ (stack.pop());
    if (seen[start]) continue;
    const row = Math.floor(start / width), base = row * width;
    let left = start - base, right = left;
    while (left > 0 && ids[base + left - 1] === wanted && !seen[base + left - 1]) left--;
    while (right + 1 < width && ids[base + right + 1] === wanted && !seen[base + right + 1]) right++;
    seen.fill(1, base + left, base + right + 1);
    span(left, right + 1, row);
    for (const next of [base - width, base + width]) {
      if (next < 0 || next >= ids.length) continue;
      for (let i = next + left; i <= next + right; i++) {
        if (ids[i] === wanted && !seen[i]) stack.push(i);
      }
    }
  }
}
