// Sets of pixels, and what becomes of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { about, IDENTITY, shift } from "../../../src/semsynth/app/static/affine.js";
import { closed, eachMapped, edgesOf, rectOf } from "../../../src/semsynth/app/static/masks.js";

const SIZE = { width: 6, height: 4 };

/** @param {string} rows */
const maskOf = (rows) => Uint8Array.from(rows.replace(/\s/g, ""), (c) => (c === "#" ? 1 : 0));

const BAR = maskOf(`
  ......
  .###..
  ......
  ......`);

/** The pixels of a mapped set. */
function mapped(mask, map) {
  const rows = Array.from({ length: SIZE.height }, () => Array(SIZE.width).fill("."));
  eachMapped(mask, SIZE, rectOf(mask, SIZE.width), map, (x, y) => (rows[y][x] = "#"));
  return rows.map((row) => row.join(""));
}

test("the rectangle around a set", () => {
  assert.deepEqual(rectOf(BAR, 6), { x0: 1, y0: 1, x1: 4, y1: 2 });
  assert.equal(rectOf(new Uint8Array(24), 6), null);
});

test("a set is moved, mirrored, turned and cut off at the drawing's edge", () => {
  assert.deepEqual(mapped(BAR, IDENTITY), ["......", ".###..", "......", "......"]);
  assert.deepEqual(mapped(BAR, shift(3, 2)), ["......", "......", "......", "....##"]);
  assert.deepEqual(mapped(BAR, about({ x: 3, y: 0 }, -1, 1, 0)), ["......", "..###.", "......", "......"]);
  assert.deepEqual(mapped(BAR, about({ x: 2.5, y: 1.5 }, 1, 1, Math.PI / 2)), ["..#...", "..#...", "..#...", "......"]);
  assert.deepEqual(mapped(BAR, about({ x: 1, y: 1 }, 1, 2, 0)), ["......", ".###..", ".###..", "......"]);
});

test("edges are runs between corners of pixels", () => {
  const lines = edgesOf(BAR, SIZE), quads = [];
  for (let i = 0; i < lines.length; i += 4) quads.push(lines.slice(i, i + 4).join());
  assert.deepEqual(quads.sort(), ["1,1,1,2", "1,1,4,1", "1,2,4,2", "4,1,4,2"]);
});

test("what was taken out is filled by what is around it", () => {
  const ids = Uint8Array.from("111222" + "199992" + "199992" + "111222", Number);
  const mask = Uint8Array.from(ids, (id) => (id === 9 ? 1 : 0));
  const filled = closed(ids, mask, SIZE, rectOf(mask, 6), 0);
  assert.equal([...filled].join(""), "111222".repeat(4));
  assert.deepEqual([...closed(ids, ids.map(() => 1), SIZE, { x0: 0, y0: 0, x1: 6, y1: 4 }, 7)], Array(24).fill(7));
});
