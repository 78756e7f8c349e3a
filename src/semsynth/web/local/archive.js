// Project files: zip files with project.json and an indexed PNG per layer, as the server reads and writes them.

import { fromBase64, toBase64 } from "../bytes.js";
import { zip } from "../zip.js";
import { paletteOf } from "./maps.js";
import { isPng, readPng, through, writePng } from "./png.js";
import { Refusal } from "./refusal.js";

/**
 * @typedef {import("../types.js").LabelSpace} LabelSpace
 * @typedef {import("../types.js").Project & {[part: string]: any}} Project
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */

const LISTED = 0x02014b50, END = 0x06054b50, DEFLATED = 8;
const MOST_JSON = 4 << 20, MOST_PHOTO = 32 << 20;

/** @param {Project} project @param {LabelSpace} space @returns {Promise<Blob>} */
export async function writeProject(project, space) {
  const { width, height } = project, palette = paletteOf(space);
  const slim = { ...project, layers: project.layers.map((layer) => ({ ...layer, ids: "" })), photo: "", photo_labels: "" };
  const map = (/** @type {string} */ ids) => writePng({ width, height, pixels: fromBase64(ids), palette });
  const entries = [{ name: "project.json", bytes: new TextEncoder().encode(JSON.stringify(slim, null, 1)) }];
  for (const [i, { ids }] of project.layers.entries()) entries.push({ name: `layers/${i}.png`, bytes: await map(ids) });
  if (project.photo) {
    const photo = fromBase64(/** @type {string} */ (project.photo));
    entries.push({ name: isPng(photo) ? "photo.png" : "photo", bytes: photo });
    entries.push({ name: "photo_labels.png", bytes: await map(project.photo_labels) });
  }
  return new Blob([zip(entries)], { type: "application/zip" });
}

/** @param {Blob} file @returns {Promise<Project>} */
export async function readProject(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const entries = listed(bytes);
    const read = (/** @type {string} */ name, most = MOST_JSON) => unpack(bytes, entries, name, most);
    const project = JSON.parse(new TextDecoder().decode(await read("project.json")));
    const ids = async (/** @type {string} */ name) => toBase64(await indexed(await read(name), name, project));
    for (const [i, layer] of project.layers.entries()) layer.ids = await ids(`layers/${i}.png`);
    const photo = ["photo", "photo.png"].find((name) => entries.has(name));
    project.photo = photo ? toBase64(await read(photo, MOST_PHOTO)) : "";
    project.photo_labels = photo ? await ids("photo_labels.png") : "";
    return project;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("The file is not a semsynth project, or it is damaged.");
  }
}

/**
 * @param {Bytes} file
 * @param {string} name
 * @param {Project} project
 */
async function indexed(file, name, { width, height }) {
  const png = await readPng(file, 1 << 20);
  if (png.width === width && png.height === height && png.values) return png.values;
  throw new Refusal(`The project's ${name} is not an indexed PNG of ${width}x${height} pixels.`);
}

/** Where the entries of a zip file are. @param {Bytes} bytes */
function listed(bytes) {
  const view = new DataView(bytes.buffer);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  /** @type {Map<string, {method: number, length: number, place: number}>} */
  const entries = new Map();
  let at = view.getUint32(end + 16, true);
  for (let i = view.getUint16(end + 10, true); i > 0 && view.getUint32(at, true) === LISTED; i--) {
    const called = view.getUint16(at + 28, true), name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + called));
    entries.set(name, {
      method: view.getUint16(at + 10, true),
      length: view.getUint32(at + 20, true),
      place: view.getUint32(at + 42, true),
    });
    at += 46 + called + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/**
 * @param {Bytes} bytes
 * @param {ReturnType<typeof listed>} entries
 * @param {string} name
 * @param {number} most bytes that it may have
 * @returns {Promise<Bytes>}
 */
async function unpack(bytes, entries, name, most) {
  const entry = entries.get(name);
  if (!entry) throw new Refusal(`The project holds no ${name}.`);
  const view = new DataView(bytes.buffer), { place, length, method } = entry;
  const start = place + 30 + view.getUint16(place + 26, true) + view.getUint16(place + 28, true);
  const packed = bytes.slice(start, start + length);
  return method === DEFLATED ? through(packed, new DecompressionStream("deflate-raw"), most) : packed;
}
