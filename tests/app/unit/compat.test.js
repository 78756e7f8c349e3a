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

test("a photograph held its file itself, and as text", async () => {
  const rest = { key: "k", feather: 8, everywhere: false };
  const kept = [{ layers: [], style: { seed: 1 }, photo: { png: "cG5n", labels: "l", ...rest }, picture: "" }];
  const source = { png: "cG5n", labels: "l" };
  const steps = { done: [{ kind: "scene", before: { photo: null }, after: { photo: { source, ...rest } } }], undone: [] };
  const saved = upgradeSaved({ project: { settings: {} }, kept, steps });
  for (const photo of [saved.kept[0].photo, saved.steps.done[0].after.photo]) {
    const { source: { file, ...others }, ...state } = photo;
    assert.equal(await file.text(), "png");
    assert.deepEqual([others, state], [{ labels: "l", frame: null }, rest]);
  }
});

test("all drawings of a model had one size", () => {
  const project = { width: 6, height: 4, settings: {} }, state = { layers: [], active: 0, scene: null };
  const pixels = { kind: "pixels", label: "Brush" }, stack = { kind: "stack", before: state, after: state };
  const steps = { done: [pixels, stack], undone: [] };
  const kept = [{ layers: [], style: { seed: 1 }, photo: null, picture: "" }];
  const saved = upgradeSaved({ project, steps, kept });
  assert.deepEqual(saved.steps.done[0], pixels);
  assert.deepEqual(saved.steps.done[1].before, { width: 6, height: 4, ...state });
  assert.deepEqual([saved.kept[0].width, saved.kept[0].height], [6, 4]);
});

test("a drawing of today stays as it is", () => {
  const saved = {
    project: { width: 2, height: 1, layers: [], settings: { style: { seed: 3 } } },
    document: { name: "lake", saved: 7 },
    kept: [{ width: 1, height: 2, layers: [{ name: "a" }], style: { seed: 1 }, photo: null, picture: "" }],
    steps: { done: [], undone: [] },
    when: 5,
  };
  assert.deepEqual(upgradeSaved(saved), saved);
});
