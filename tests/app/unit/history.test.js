// Steps are taken back and done again, and the drawing is what it was.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Drawing, EMPTY } from "../../../src/semsynth/app/static/drawing.js";
import { DEPTH, History, readRect, writeRect } from "../../../src/semsynth/app/static/history.js";

const WHOLE = { x0: 0, y0: 0, x1: 4, y1: 3 };

/** Paint a pixel as one step. */
function paint(drawing, history, index, id) {
  const x = index % drawing.width, y = Math.floor(index / drawing.width);
  const rect = { x0: x, y0: y, x1: x + 1, y1: y + 1 };
  const { ids } = drawing.layer;
  const before = readRect(ids, drawing.width, rect);
  ids[index] = id;
  const after = readRect(ids, drawing.width, rect);
  drawing.compose(rect);
  history.push({ kind: "pixels", label: `pixel ${index}`, layer: drawing.active, rect, before, after });
}

test("a rectangle that was read is written back", () => {
  const ids = Uint8Array.from({ length: 12 }, (_, i) => i);
  const rect = { x0: 1, y0: 1, x1: 3, y1: 3 };
  const part = readRect(ids, 4, rect);
  assert.deepEqual([...part], [5, 6, 9, 10]);
  const other = new Uint8Array(12);
  writeRect(other, 4, rect, part);
  assert.deepEqual([...other], [0, 0, 0, 0, 0, 5, 6, 0, 0, 9, 10, 0]);
});

test("all steps back and forth give the same drawings", () => {
  const drawing = new Drawing(4, 3, 7), history = new History(drawing);
  const states = [drawing.ids.slice()];
  for (let i = 0; i < 12; i++) {
    paint(drawing, history, (5 * i) % 12, i);
    states.push(drawing.ids.slice());
  }
  for (let i = 11; i >= 0; i--) {
    assert.equal(history.undo(), `pixel ${(5 * i) % 12}`);
    assert.deepEqual(drawing.ids, states[i]);
  }
  assert.equal(history.undo(), null);
  for (let i = 1; i <= 12; i++) {
    history.redo();
    assert.deepEqual(drawing.ids, states[i]);
  }
  assert.equal(history.redo(), null);
});

test("a new step forgets what was taken back", () => {
  const drawing = new Drawing(4, 3, 0), history = new History(drawing);
  paint(drawing, history, 0, 1);
  history.undo();
  paint(drawing, history, 1, 2);
  assert.equal(history.redo(), null);
});

test("only the newest steps are kept", () => {
  const drawing = new Drawing(4, 3, 0), history = new History(drawing);
  for (let i = 0; i < DEPTH + 5; i++) paint(drawing, history, i % 12, i % 3);
  assert.equal(history.done.length, DEPTH);
});

test("a change beside the layers is a step, the movement of a slider one", () => {
  const history = new History(new Drawing(4, 3, 0));
  const given = { photo: null, own: [], document: { name: "a", saved: null } };
  let scene = { ...given, style: { seed: 0 } };
  history.scene = { take: () => scene, put: (then) => (scene = then) };
  const use = (seed, label, slides = false) => history.adjust(label, () => (scene = { ...given, style: { seed } }), slides);
  use(1, "Seed 1");
  use(1, "Seed 1"); // changes nothing
  for (let seed = 2; seed < 6; seed++) use(seed, "slider", true);
  use(6, "dice");
  use(7, "dice");
  const seeds = [];
  while (history.undo()) seeds.push(scene.style.seed);
  assert.deepEqual(seeds, [6, 5, 1, 0]);
  history.redo();
  use(9, "slider", true); // no part of a movement that was taken back
  assert.deepEqual([history.done.length, history.undone.length], [2, 0]);
});

test("the browser keeps the newest steps that fit, what they share once", () => {
  const history = new History(new Drawing(4, 3, 0));
  const photo = { source: { png: "x".repeat(1000), labels: "" }, key: "", feather: 8, everywhere: false };
  const state = (feather) => ({ photo: { ...photo, feather }, style: { seed: 0 }, own: [], document: null });
  for (let i = 0; i < 9; i++) history.push({ kind: "scene", label: `${i}`, before: state(i), after: state(i + 1), when: 0 });
  assert.equal(history.recent(1e6).done.length, 9);
  assert.equal(history.recent(4000).done.length, 9);
  const few = history.recent(2600).done;
  assert.ok(few.length > 0 && few.length < 9);
  assert.equal(few.at(-1).label, "8");
  history.undo();
  history.resume(history.recent(1e6));
  assert.equal(history.redo(), "8");
});

test("layers and the scene come back together", () => {
  const drawing = new Drawing(4, 3, 0), history = new History(drawing);
  let scene = "first";
  history.scene = { take: () => scene, put: (then) => (scene = then) };
  history.record("other", () => {
    drawing.layers.push({ name: "above", visible: true, ids: new Uint8Array(12).fill(EMPTY).fill(9, 0, 2) });
    drawing.compose(WHOLE);
    scene = "second";
  }, true);
  assert.equal(drawing.ids[0], 9);
  history.undo();
  assert.deepEqual([drawing.layers.length, drawing.ids[0], scene], [1, 0, "first"]);
  history.redo();
  assert.deepEqual([drawing.layers.length, drawing.ids[0], scene], [2, 9, "second"]);
});

test("a drawing of another shape comes and goes with its steps", () => {
  const drawing = new Drawing(4, 3, 0), history = new History(drawing);
  paint(drawing, history, 11, 5);
  history.record("portrait", () => drawing.replace(new Uint8Array(10).fill(2), { width: 2, height: 5 }), false);
  paint(drawing, history, 9, 6);
  assert.deepEqual([...drawing.ids], [2, 2, 2, 2, 2, 2, 2, 2, 2, 6]);
  history.undo();
  history.undo();
  assert.deepEqual([drawing.width, drawing.height, drawing.ids.length, drawing.ids[11]], [4, 3, 12, 5]);
  history.undo();
  for (let i = 0; i < 3; i++) history.redo();
  assert.deepEqual([drawing.width, drawing.height, drawing.ids[9]], [2, 5, 6]);
});
