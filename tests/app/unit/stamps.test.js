// Stamps are well drawn, and there are those that the classes allow.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { IDENTITY } from "../../../src/semsynth/app/static/affine.js";
import { STAMPS, stampsOf } from "../../../src/semsynth/app/static/stamps.js";
import { fill, outlinesOf } from "../../../src/semsynth/app/static/vector.js";

const SETS = new URL("../../../src/semsynth/labels/sets/", import.meta.url);
const classesOf = (name) =>
  JSON.parse(readFileSync(new URL(`${name}.json`, SETS), "utf8")).classes.map(({ name }, id) => ({ id, name }));
const namesOf = (set) => stampsOf(classesOf(set)).map(({ name }) => name);

test("every stamp stands on its foot and is a hundred high at most", () => {
  for (const { name, parts } of STAMPS) {
    const points = parts.flatMap(({ path }) => outlinesOf(path)).flat();
    const ys = points.map((p) => p.y);
    assert.ok(Math.max(...ys) <= 1.5 && Math.min(...ys) >= -105 && Math.min(...ys) < -25, name);
    assert.ok(points.every((p) => Math.abs(p.x) <= 120), name);
    let area = 0;
    for (const { path } of parts) fill(outlinesOf(path), IDENTITY, (x0, x1) => (area += x1 - x0));
    assert.ok(area > 300, name);
  }
});

test("the classes of a set say which stamps there are", () => {
  const [sift, city, facades] = ["siftflow", "cityscapes", "facades"].map(namesOf);
  for (const name of ["Pine", "House", "Sailing boat", "Island", "Moon"]) assert.ok(sift.includes(name), name);
  assert.ok(!sift.includes("Cloud"));
  assert.ok(namesOf("coco-stuff").includes("Cloud"));
  assert.ok(city.includes("Car") && city.includes("Oak") && !city.includes("Boat"));
  assert.deepEqual(facades, ["Window", "Door"]);
});

test("parts that are extras may be missing", () => {
  const partsOf = (set) => stampsOf(classesOf(set)).find(({ name }) => name === "House").parts.length;
  assert.equal(partsOf("siftflow"), 3);
  assert.equal(partsOf("cityscapes"), 1);
});

test("a path that is not well formed is refused", () => {
  assert.throws(() => outlinesOf("M 0 0 L 1"), /1 numbers/);
  assert.throws(() => outlinesOf("M 0 0 Q 1 1 2 2"), /Q/);
});

test("curves end where they should", () => {
  const [outline] = outlinesOf("M 0 0 C 0 10 10 10 10 0 Z");
  assert.deepEqual(outline.at(-1), { x: 10, y: 0 });
  assert.ok(Math.abs(Math.max(...outline.map((p) => p.y)) - 7.5) < 0.1);
});
