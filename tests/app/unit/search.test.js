// A class is found by its name, its heading, and other words for it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { findClasses } from "../../../src/semsynth/app/static/search.js";

const set = (name) =>
  JSON.parse(readFileSync(new URL(`../../../src/semsynth/labels/sets/${name}.json`, import.meta.url), "utf8")).classes;
const names = (text, name = "siftflow") => findClasses(set(name), text).map((found) => found.name);

test("nothing typed finds all", () => assert.equal(names(" ").length, set("siftflow").length));

test("the name itself comes first", () => {
  for (const { name } of set("siftflow")) assert.equal(names(name)[0], name);
  assert.equal(names("tree", "ade20k")[0], "tree");
});

test("other words find what they mean", () => {
  const meant = { lake: "river", water: "river", rocks: "rock", house: "building", snow: "mountain", clouds: "sky", Ship: "boat" };
  for (const [typed, name] of Object.entries(meant)) assert.equal(names(typed)[0], name, typed);
  assert.equal(names("lake", "ade20k")[0], "lake");
  assert.equal(names("house", "cityscapes")[0], "building");
});

test("plurals, beginnings and headings", () => {
  assert.equal(names("bushes")[0], "plant");
  assert.ok(names("moun").includes("mountain"));
  assert.deepEqual(names("vehicles").sort(), ["boat", "bus", "car"]);
  assert.deepEqual(names("zzz"), []);
});
