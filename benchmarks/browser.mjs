// Draws for browser.py: node browser.mjs MODULE WEIGHTS; a line of JSON in, the microseconds out.
import fs from "node:fs";
import readline from "node:readline";
import { Engine } from "../src/semsynth/web/engine/index.js";

const [module, weights] = process.argv.slice(2).map((path) => new Uint8Array(fs.readFileSync(path)));
const start = performance.now();
const engine = await Engine.load({ module, weights: weights.buffer });
console.log(Math.round(1000 * (performance.now() - start)));
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { ids, width, height, style } = JSON.parse(line);
  console.log(engine.draw(Uint8Array.from(ids), width, height, { style: Float32Array.from(style) }).microseconds);
}
