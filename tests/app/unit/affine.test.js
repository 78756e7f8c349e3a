// Moving, scaling and turning.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  about, after, apply, boundsOf, cornersOf, IDENTITY, inverse, shift,
} from "../../../src/semsynth/app/static/affine.js";

const near = (a, b) => assert.ok(Math.hypot(a.x - b.x, a.y - b.y) < 1e-9, `${JSON.stringify(a)} ${JSON.stringify(b)}`);

test("the second map comes first", () => {
  const twice = about({ x: 0, y: 0 }, 2, 2, 0);
  near(apply(after(shift(3, 0), twice), { x: 1, y: 1 }), { x: 5, y: 2 });
  near(apply(after(twice, shift(3, 0)), { x: 1, y: 1 }), { x: 8, y: 2 });
});

test("a turn by a quarter leaves its centre and goes clockwise", () => {
  const turn = about({ x: 4, y: 4 }, 1, 1, Math.PI / 2);
  near(apply(turn, { x: 4, y: 4 }), { x: 4, y: 4 });
  near(apply(turn, { x: 6, y: 4 }), { x: 4, y: 6 });
});

test("there and back again", () => {
  const map = after(shift(5, -2), about({ x: 1, y: 7 }, 1.5, -0.5, 0.3));
  near(apply(inverse(map), apply(map, { x: 3, y: 2 })), { x: 3, y: 2 });
  assert.equal(inverse([0, 0, 0, 0, 1, 1]), null);
});

test("corners go round, and the bounds hold them", () => {
  const rect = { x0: 1, y0: 2, x1: 5, y1: 4 };
  assert.deepEqual(cornersOf(IDENTITY, rect)[2], { x: 5, y: 4 });
  assert.deepEqual(boundsOf(about({ x: 3, y: 3 }, 1, 1, Math.PI / 2), rect), { x0: 2, y0: 1, x1: 4, y1: 5 });
});
