// Drawings that the browser stored with an earlier version are read.

import assert from "node:assert/strict";
import { test } from "node:test";

import { upgradeSaved } from "../../../src/semsynth/app/static/compat.js";

test("a style was called a look, a document was a name, a kept picture had no layers", () => {
  const project = { layers: [], settings: { look: { seed: 3 }, feather: 2 } };
  const ids = new Uint8Array(4);
  const saved = upgradeSaved({ project, name: "lake", kept: [{ ids, look: { name: "dusk" }, picture: "" }] });
  assert.deepEqual(saved.project.settings, { style: { seed: 3 }, feather: 2 });
  assert.deepEqual(saved.document, { name: "lake", saved: null });
  assert.deepEqual(saved.kept[0].style, { name: "dusk" });
  assert.equal(saved.kept[0].layers[0].ids, ids);
  assert.deepEqual(saved.steps, { done: [], undone: [] });
});

test("a photograph held its file itself", () => {
  const photo = { png: "p", labels: "l", key: "k", feather: 8, everywhere: false };
  const kept = [{ layers: [], style: { seed: 1 }, photo, picture: "" }];
  const saved = upgradeSaved({ project: { settings: {} }, kept });
  assert.deepEqual(saved.kept[0].photo, { source: { png: "p", labels: "l" }, key: "k", feather: 8, everywhere: false });
});

test("a drawing of today stays as it is", () => {
  const saved = {
    project: { layers: [], settings: { style: { seed: 3 } } },
    document: { name: "lake", saved: 7 },
    kept: [{ layers: [{ name: "a" }], style: { seed: 1 }, photo: null, picture: "" }],
    steps: { done: [], undone: [] },
    when: 5,
  };
  assert.deepEqual(upgradeSaved(saved), saved);
});
