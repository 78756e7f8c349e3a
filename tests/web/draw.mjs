// Draws with the engine for browsers: node draw.mjs MODULE WEIGHTS JOB RESULT.
//
// JOB is JSON, a list of {ids, width, height, look, forget}; ids in base64, a style as numbers; or {photo, width, height}. RESULT gets the pictures'
// values, float32, one after the other; standard output a line of JSON for each.
import fs from "node:fs";
import { Engine } from "../../src/semsynth/web/engine/index.js";

const [module, weights, job, result] = process.argv.slice(2);
const file = fs.readFileSync(weights);
const shares = [];
const engine = await Engine.load({
  module: fs.readFileSync(module),
  weights: file.buffer.slice(file.byteOffset, file.byteOffset + file.length),
  onProgress: (share) => shares.push(share),
});
if (shares.at(-1) !== 1 || shares.some((share, i) => share < (shares[i - 1] ?? 0))) throw new Error("no progress");
const out = fs.openSync(result, "w");
const numbers = (rows) => (rows && typeof rows[0] === "object" ? rows.map(numbers) : rows && Float32Array.from(rows));
for (const { photo, ids, width, height, look, forget } of JSON.parse(fs.readFileSync(job, "utf8"))) {
  if (photo) {
    const style = engine.encoder?.style(Buffer.from(photo, "base64"), width, height);
    console.log(JSON.stringify({ style: style && Array.from(style) }));
    continue;
  }
  if (forget) engine.forget();
  let line;
  try {
    const style = numbers(look.style);
    const { rgb, changed } = engine.draw(Buffer.from(ids, "base64"), width, height, { ...look, ...(style && { style }) });
    const values = engine.values;
    fs.writeSync(out, new Uint8Array(values.buffer));
    const apart = Math.max(...[0, 1, 2].map((i) => Math.abs(rgb[i * 7] - (values[i * 7] + 1) * 127.5)));
    line = { changed, apart, memory: engine.native.used, ...engine.random(look.seed ?? 0) };
  } catch (error) {
    line = { error: error.message };
  }
  console.log(JSON.stringify({ ...line, style: line.style && Array.from(line.style) }));
}
