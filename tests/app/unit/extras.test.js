// Time lapse, contact sheet, seamless pictures and what-if: the parts that need no page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Drawing } from "../../../src/semsynth/app/static/drawing.js";
import { History } from "../../../src/semsynth/app/static/history.js";
import { folded, wrapped } from "../../../src/semsynth/app/static/seamless.js";
import { layoutOf } from "../../../src/semsynth/app/static/sheet.js";
import { framesOf } from "../../../src/semsynth/app/static/timelapse.js";
import { tries } from "../../../src/semsynth/app/static/whatif.js";

test("a time lapse begins with the drawing, and has a frame for each state", () => {
  const drawing = new Drawing(2, 1, 0), history = new History(drawing);
  let scene = { photo: null, own: [], style: { seed: 1 }, document: { name: "old" } };
  history.scene = { take: () => scene, put: (then) => (scene = then) };
  const paint = (id) => history.record(`${id}`, () => drawing.replace([id, id]), false);
  paint(5);
  history.record("New", () => {
    drawing.replace([1, 1, 1], { width: 3, height: 1 });
    scene = { ...scene, document: { name: "new" } };
  }, true);
  const rect = { x0: 1, y0: 0, x1: 2, y1: 1 };
  history.push({ kind: "pixels", label: "dot", layer: 0, rect, before: Uint8Array.of(1), after: Uint8Array.of(7) });
  drawing.layer.ids[1] = 7;
  drawing.compose(rect);
  history.adjust("Seed 2", () => (scene = { ...scene, style: { seed: 2 } }), false);
  history.record("Rename layer", () => {}, false);
  const frames = framesOf(drawing, history.done, scene);
  assert.deepEqual(frames.map(({ ids }) => [...ids].join("")), ["111", "171", "171"]);
  assert.deepEqual(frames.map((frame) => frame.scene.style.seed), [1, 1, 2]);
  assert.deepEqual([[...drawing.ids].join(""), history.done.length], ["171", 5]);
});

test("a sheet has room for all pictures, which do not lie on each other", () => {
  for (const [count, width, height] of [[1, 256, 256], [25, 256, 256], [27, 768, 256], [7, 512, 768]]) {
    const sheet = layoutOf(count, { width, height });
    assert.equal(sheet.places.length, count);
    assert.equal(new Set(sheet.places.map(({ x, y }) => `${x},${y}`)).size, count);
    for (const { x, y } of sheet.places) assert.ok(x + sheet.w <= sheet.width && y + sheet.h <= sheet.height);
    assert.ok(Math.abs(sheet.w / sheet.h - width / height) < 0.02);
    if (count > 20) assert.ok(sheet.width / sheet.height > 0.8 && sheet.width / sheet.height < 2.2);
  }
});

test("a map that repeats goes on at its other side", () => {
  const around = wrapped(Uint8Array.of(1, 2, 3, 4, 5, 6), { width: 3, height: 2 }, { x: 2, y: 1 });
  assert.deepEqual([around.width, around.height], [7, 4]);
  assert.deepEqual([...around.ids.subarray(7, 14)], [2, 3, 1, 2, 3, 1, 2]);
  assert.deepEqual([...around.ids.subarray(0, 7)], [5, 6, 4, 5, 6, 4, 5]);
});

test("a folded picture has no seam: its first column follows its last one", () => {
  const width = 40, height = 12, margin = { x: 8, y: 0 };
  const slope = Uint8Array.from({ length: 3 * width * height }, (_, i) => Math.floor(i / 3) % width * 4);
  const tile = folded(slope, { width, height }, margin);
  assert.deepEqual([tile.width, tile.height], [24, 12]);
  const column = (x) => tile.pixels[3 * x];
  assert.ok(Math.abs(column(0) - (column(23) + 4)) <= 4);
  for (let x = 4; x < 24; x++) assert.equal(column(x), 4 * (x + 8));
  const both = folded(slope, { width, height }, { x: 8, y: 3 });
  assert.deepEqual([both.width, both.height, both.pixels.length], [24, 6, 3 * 24 * 6]);
  assert.equal(both.pixels[3 * (24 * 5 + 20)], 4 * 28);
});

test("classes to try: favourites, those of the drawing, those alike, others", () => {
  const classes = ["void", "sky", "tree", "grass", "car", "bush"].map((name, id) => ({
    id, name, group: ["void", "sky", "plants", "plants", "things", "plants"][id],
  }));
  const areas = new Uint32Array(256);
  areas[1] = 9;
  areas[2] = 4;
  const names = tries(classes, 2, 0, new Set([4]), areas).map(({ name }) => name);
  assert.deepEqual(names, ["car", "sky", "grass", "bush"]);
});
