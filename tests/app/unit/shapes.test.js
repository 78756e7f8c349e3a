// The sizes of drawings, and what of a picture goes into one.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  finenesses, frameAt, SHAPES, shapesOf, sizeOf, sizeOfWhole,
} from "../../../src/semsynth/app/static/shapes.js";

const MODEL = { width: 256, height: 256, stride: 32, limits: { max_side: 1024 } };

test("sides are multiples of the model's step, in the wanted shape and within the limits", () => {
  const named = (id, short) => sizeOf(SHAPES.find((shape) => shape.id === id).ratio, short, MODEL);
  assert.deepEqual(named("square", 256), { width: 256, height: 256 });
  assert.deepEqual(named("3:2", 256), { width: 384, height: 256 });
  assert.deepEqual(named("16:9", 256), { width: 448, height: 256 });
  assert.deepEqual(named("2:3", 512), { width: 512, height: 768 });
  assert.deepEqual(named("2:1", 512), { width: 1024, height: 512 });
  assert.deepEqual(named("3:1", 256), { width: 768, height: 256 });
  assert.equal(named("3:1", 512), null);
});

test("a model of another shape offers its own first", () => {
  const model = { width: 448, height: 320, stride: 32, limits: { max_side: 1024 } };
  assert.equal(shapesOf(MODEL)[0].id, "square");
  assert.deepEqual(sizeOf(shapesOf(model)[0].ratio, 320, model), { width: 448, height: 320 });
  assert.deepEqual(finenesses(model), [320, 640]);
  assert.deepEqual(finenesses({ ...model, width: 640, height: 640 }), [640]);
});

test("a whole picture keeps its shape, and a long one fits", () => {
  assert.deepEqual(sizeOfWhole({ width: 6000, height: 4000 }, 256, MODEL), { width: 384, height: 256 });
  assert.deepEqual(sizeOfWhole({ width: 3024, height: 4032 }, 256, MODEL), { width: 256, height: 341 });
  assert.deepEqual(sizeOfWhole({ width: 8000, height: 1000 }, 256, MODEL), { width: 1024, height: 128 });
});

test("a frame has its shape, lies on the picture, and follows the place", () => {
  const picture = { width: 600, height: 400 };
  assert.deepEqual(frameAt(picture, 1, 1, { x: 0.5, y: 0.5 }), [100, 0, 400, 400]);
  assert.deepEqual(frameAt(picture, 1, 1, { x: 0, y: 0 }), [0, 0, 400, 400]);
  assert.deepEqual(frameAt(picture, 2, 0.5, { x: 1, y: 1 }), [300, 250, 300, 150]);
  assert.deepEqual(frameAt(picture, 1.5, 1, { x: 0.2, y: 0.9 }), [0, 0, 600, 400]);
});
