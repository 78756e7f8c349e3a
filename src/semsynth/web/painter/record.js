import { readSettings } from "../local/settings.js";

/**
 * How a picture was made, as the texts of a PNG file: see `Record` of the library.
 * @param {import("../local/site.js").Site} site
 * @param {import("./appearance.js").Appearance} look
 * @param {import("../types.js").Settings} settings
 * @param {{width: number, height: number, scale: number}} size
 * @returns {Record<string, string>}
 */
export function recordOf({ model, version }, look, settings, { width, height, scale }) {
  const record = {
    model: model.name,
    label_set: model.label_set,
    precision: "float32",
    labels: null,
    instances: null,
    style: look.name,
    vector: look.vector && [...look.vector],
    class_vectors: look.rows && look.rows.map((row) => [...row]),
    noise_offset: look.offset,
    size: [height, width],
    scale,
    seed: look.seed,
    number: 1,
    settings: readSettings(settings),
    version,
  };
  return { Software: `semsynth ${version}`, "semsynth:synthesis": JSON.stringify(record) };
}
