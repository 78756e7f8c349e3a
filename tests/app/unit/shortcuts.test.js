// Every key is used once, every tool has an icon, and every icon that is named exists.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { pathOf } from "../../../src/semsynth/app/static/icons.js";
import { keymap } from "../../../src/semsynth/app/static/keymap.js";
import { keysOf, tableOf } from "../../../src/semsynth/app/static/shortcuts.js";
import { TOOLS } from "../../../src/semsynth/app/static/tools/index.js";

const STATIC = new URL("../../../src/semsynth/app/static/", import.meta.url);

const event = (key, held = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  getModifierState: () => held.altGraph ?? false,
  ...held,
});

test("no key is used twice", () => {
  for (const style_dim of [8, null]) {
    const table = tableOf(keymap({ studio: { model: { style_dim, capabilities: ["photos"] } } }));
    assert.ok(table.size > 40);
    assert.equal(table.has("d"), style_dim !== null);
  }
});

test("a key that is used twice is an error", () => {
  const twice = [{ keys: "x", does: "one", action() {} }, { keys: "x", does: "other", action() {} }];
  assert.throws(() => tableOf([{ title: "", shortcuts: twice }]), /x is used twice.*other/);
});

test("tools have ids, keys and icons of their own", () => {
  for (const what of ["id", "key", "label"]) assert.equal(new Set(TOOLS.map((t) => t[what])).size, TOOLS.length);
  for (const tool of TOOLS) assert.ok(pathOf(tool.id));
});

test("every icon that is named exists", () => {
  const names = new Set();
  for (const file of readdirSync(STATIC).filter((name) => /\.(js|html)$/.test(name))) {
    const text = readFileSync(new URL(file, STATIC), "utf8");
    for (const [, name] of text.matchAll(/(?:\bicon\(|data-icon=)"(\w+)"(?! in)/g)) names.add(name);
  }
  assert.ok(names.size > 20);
  for (const name of names) assert.ok(pathOf(name));
  assert.throws(() => pathOf("nothing"), /no icon nothing/);
});

test("keys are named as the table names them", () => {
  assert.equal(keysOf(event("Z", { ctrlKey: true, shiftKey: true })), "Mod+Shift+z");
  assert.equal(keysOf(event("?", { shiftKey: true })), "?");
  assert.equal(keysOf(event("Delete", { shiftKey: true })), "Shift+Delete");
  assert.equal(keysOf(event("[", { ctrlKey: true, altGraph: true })), "[");
  assert.equal(keysOf(event("B")), "b");
});
