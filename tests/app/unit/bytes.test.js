// Masks and their runs are the same thing.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromRuns, toRuns } from "../../../src/semsynth/app/static/bytes.js";

test("runs give back their mask", () => {
  for (const bits of ["000000", "111111", "011001", "100110", "0"]) {
    const mask = Uint8Array.from(bits);
    assert.deepEqual(fromRuns(toRuns(mask), mask.length), mask, bits);
  }
  assert.deepEqual(toRuns(Uint8Array.from("0011100")), [2, 3]);
  assert.deepEqual(toRuns(Uint8Array.from("0000")), []);
});
