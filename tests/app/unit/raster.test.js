// What shapes paint, pixel by pixel.

import assert from "node:assert/strict";
import { test } from "node:test";

import { capsule, ellipse, flood, polygon, rectangle } from "../../../src/semsynth/app/static/raster.js";

const WIDTH = 12, HEIGHT = 9;

/** The pixels that a shape paints, as rows of # and . */
function painted(shape) {
  const rows = Array.from({ length: HEIGHT }, () => Array(WIDTH).fill("."));
  shape((x0, x1, y) => {
    for (let x = Math.max(0, x0); x < Math.min(WIDTH, x1); x++) if (y >= 0 && y < HEIGHT) rows[y][x] = "#";
  });
  return rows.map((row) => row.join(""));
}

const count = (rows) => rows.join("").split("#").length - 1;

test("a small disc is a plus of five pixels", () => {
  const rows = painted((span) => capsule({ x: 5.5, y: 4.5 }, { x: 5.5, y: 4.5 }, 1.3, 1.3, span));
  assert.deepEqual(rows.slice(3, 6), [".....#......", "....###.....", ".....#......"]);
  assert.equal(count(rows), 5);
});

test("a line paints every row and column between its ends", () => {
  const rows = painted((span) => capsule({ x: 1.5, y: 1.5 }, { x: 10.5, y: 7.5 }, 1, 1, span));
  for (let y = 1; y <= 7; y++) assert.match(rows[y], /#/);
  for (let x = 1; x <= 10; x++) assert.ok(rows.some((row) => row[x] === "#"), `column ${x}`);
});

test("a line is the same from either end", () => {
  const a = { x: 2.2, y: 1.1 }, b = { x: 9.4, y: 6.3 };
  assert.deepEqual(painted((s) => capsule(a, b, 1, 2, s)), painted((s) => capsule(b, a, 2, 1, s)));
});

test("a rectangle has both of its corners, whichever comes first", () => {
  const a = { x: 2.5, y: 1.5 }, b = { x: 6.5, y: 4.5 };
  const rows = painted((span) => rectangle(a, b, span));
  assert.equal(count(rows), 5 * 4);
  assert.deepEqual(painted((span) => rectangle(b, a, span)), rows);
});

test("an ellipse lies in its rectangle and touches all four sides", () => {
  const a = { x: 1.5, y: 1.5 }, b = { x: 9.5, y: 6.5 };
  const inner = painted((span) => ellipse(a, b, span)), outer = painted((span) => rectangle(a, b, span));
  inner.forEach((row, y) => [...row].forEach((c, x) => assert.ok(c === "." || outer[y][x] === "#")));
  assert.match(inner[1], /#/);
  assert.match(inner[6], /#/);
  assert.ok(inner.some((row) => row[1] === "#") && inner.some((row) => row[9] === "#"));
});

test("a polygon of two crossing triangles leaves out what is inside twice", () => {
  const square = [{ x: 1, y: 1 }, { x: 7, y: 1 }, { x: 7, y: 7 }, { x: 1, y: 7 }];
  assert.equal(count(painted((span) => polygon(square, span))), 36);
  assert.equal(count(painted((span) => polygon([...square, ...square], span))), 0);
});

test("a flood stays within its area", () => {
  const ids = new Uint8Array(WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) ids[y * WIDTH + 5] = 1; // a wall
  ids[4 * WIDTH + 1] = 2; // an island
  const rows = painted((span) => flood(ids, WIDTH, HEIGHT, 0, 0, span));
  assert.equal(count(rows), 5 * HEIGHT - 1);
  assert.equal(count(painted((span) => flood(ids, WIDTH, HEIGHT, 1, 4, span))), 1);
});
