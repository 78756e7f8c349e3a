// PNG files: their indices and texts, which the browser's own decoder does not give, and writing them.

import { crc32 } from "../zip.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const GREY = 0, COLOUR = 2, INDEXED = 3;

/**
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {{width: number, height: number, values: Bytes | null, palette: Bytes | null, alpha: Bytes | null,
 *   texts: Record<string, string>}} Png values: indices or grey values, of files that have these; palette: three
 *   bytes each, alpha: of its first entries
 */

/** @param {Uint8Array} bytes @returns {boolean} */
export function isPng(bytes) {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {ReadableWritablePair<Uint8Array<ArrayBuffer>, BufferSource>} stream
 * @param {number} [most] bytes that may come out
 * @returns {Promise<Bytes>}
 */
export async function through(bytes, stream, most = Infinity) {
  const parts = [], reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (length > most) throw new Error("The file is far larger than it says.");
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** @param {Bytes} bytes @param {number} [most] pixels @returns {Promise<Png>} */
export async function readPng(bytes, most = 40_000_000) {
  const chunks = chunksOf(bytes), head = view(chunks.find(({ kind }) => kind === "IHDR")?.data ?? new Uint8Array(13));
  const width = head.getUint32(0), height = head.getUint32(4), depth = head.getUint8(8), colour = head.getUint8(9);
  if (!width || !height || width * height > most) throw new Error(`The file has ${width}x${height} pixels.`);
  const find = (/** @type {string} */ kind) => chunks.find((chunk) => chunk.kind === kind)?.data ?? null;
  const png = { width, height, palette: find("PLTE"), alpha: find("tRNS"), texts: await textsOf(chunks) };
  if (colour !== GREY && colour !== INDEXED) return { ...png, values: null };
  if (head.getUint8(12)) throw new Error("The file is an interlaced PNG; save it without interlacing.");
  const packed = new Blob(chunks.filter(({ kind }) => kind === "IDAT").map(({ data }) => data));
  const row = Math.ceil((width * depth) / 8), data = new Uint8Array(await packed.arrayBuffer());
  const lines = await through(data, new DecompressionStream("deflate"), (row + 1) * height);
  if (lines.length < (row + 1) * height) throw new Error("The file is damaged.");
  const values = unpacked(unfiltered(lines, row, height, Math.ceil(depth / 8)), width, height, depth);
  if (colour === GREY) spread(values, depth);
  return { ...png, values, palette: colour === INDEXED ? png.palette : null, alpha: colour === INDEXED ? png.alpha : null };
}

/** @param {Bytes} bytes */
function chunksOf(bytes) {
  if (!isPng(bytes)) throw new Error("The file is no PNG file.");
  const chunks = [];
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view(bytes).getUint32(at), kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.push({ kind, data: bytes.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return chunks;
}

/** @param {{kind: string, data: Bytes}[]} chunks */
async function textsOf(chunks) {
  /** @type {Record<string, string>} */
  const texts = {};
  for (const { kind, data } of chunks) {
    const end = data.indexOf(0), keyword = String.fromCharCode(...data.subarray(0, Math.max(0, end)));
    if (kind === "tEXt") texts[keyword] = String.fromCharCode(...data.subarray(end + 1));
    if (kind !== "iTXt") continue;
    const start = data.indexOf(0, data.indexOf(0, end + 3) + 1) + 1, body = data.slice(start);
    const plain = data[end + 1] ? await through(body, new DecompressionStream("deflate"), 1 << 22) : body;
    texts[keyword] = new TextDecoder().decode(plain);
  }
  return texts;
}

/**
 * @param {Bytes} lines each behind the number of its filter
 * @param {number} row its bytes
 * @param {number} height
 * @param {number} each bytes of a pixel
 */
function unfiltered(lines, row, height, each) {
  const out = new Uint8Array(row * height), none = new Uint8Array(row);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (row + 1)], line = lines.subarray(y * (row + 1) + 1, (y + 1) * (row + 1));
    const here = out.subarray(y * row, (y + 1) * row), above = y ? out.subarray((y - 1) * row, y * row) : none;
    for (let x = 0; x < row; x++) {
      const left = x < each ? 0 : here[x - each], corner = x < each ? 0 : above[x - each];
      here[x] = line[x] + predicted(filter, left, above[x], corner);
    }
  }
  return out;
}

/**
 * @param {number} filter
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 */
function predicted(filter, left, above, corner) {
  if (filter === 1) return left;
  if (filter === 2) return above;
  if (filter === 3) return (left + above) >> 1;
  return filter === 4 ? paeth(left, above, corner) : 0;
}

/**
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 */
function paeth(left, above, corner) {
  const a = Math.abs(above - corner), b = Math.abs(left - corner), c = Math.abs(left + above - 2 * corner);
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

/**
 * @param {Bytes} rows
 * @param {number} width
 * @param {number} height
 * @param {number} depth
 */
function unpacked(rows, width, height, depth) {
  if (depth === 8) return rows;
  if (depth === 16) return lowBytes(rows);
  const out = new Uint8Array(width * height), row = Math.ceil((width * depth) / 8), each = 8 / depth;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = rows[y * row + Math.floor(x / each)];
      out[y * width + x] = (byte >> (8 - depth - (x % each) * depth)) & ((1 << depth) - 1);
    }
  }
  return out;
}

/** Ids in 16 bits. @param {Bytes} rows */
function lowBytes(rows) {
  if (rows.some((byte, i) => byte && i % 2 === 0)) throw new Error("The file holds values above 255, which are no classes.");
  return rows.filter((_, i) => i % 2 === 1);
}

/** Grey values of fewer bits, as every reader shows them; of two bits or more: a map of one bit holds ids. */
function spread(/** @type {Bytes} */ values, /** @type {number} */ depth) {
  if (depth === 2 || depth === 4) values.forEach((value, i) => (values[i] = (value * 255) / ((1 << depth) - 1)));
}

/**
 * @param {{width: number, height: number, pixels: Bytes, palette?: Bytes, texts?: Record<string, string>}} picture
 *   pixels: three bytes each, or one where there is a palette
 * @returns {Promise<Bytes>}
 */
export async function writePng({ width, height, pixels, palette, texts = {} }) {
  const head = new Uint8Array(13);
  view(head).setUint32(0, width);
  view(head).setUint32(4, height);
  head.set([8, palette ? INDEXED : COLOUR], 8);
  const lines = palette ? plain(pixels, width, height) : filtered(pixels, 3 * width, height);
  const parts = [
    new Uint8Array(SIGNATURE),
    chunk("IHDR", head),
    ...(palette ? [chunk("PLTE", palette)] : []),
    ...Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text)),
    chunk("IDAT", await through(lines, new CompressionStream("deflate"))),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** @param {string} keyword @param {string} text of our own it is in UTF-8 */
function textChunk(keyword, text) {
  if (!keyword.startsWith("semsynth:")) return chunk("tEXt", new TextEncoder().encode(`${keyword}\0${text}`));
  return chunk("iTXt", new TextEncoder().encode(`${keyword}\0\0\0\0\0${text}`));
}

/** @param {string} kind @param {Uint8Array} data @returns {Bytes} */
function chunk(kind, data) {
  const bytes = new Uint8Array(data.length + 12);
  view(bytes).setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(data, 8);
  view(bytes).setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** @param {Bytes} pixels @param {number} row @param {number} height */
function plain(pixels, row, height) {
  const lines = new Uint8Array((row + 1) * height);
  for (let y = 0; y < height; y++) lines.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  return lines;
}

/** @param {Bytes} pixels @param {number} row @param {number} height */
function filtered(pixels, row, height) {
  const lines = new Uint8Array((row + 1) * height);
  for (let y = 0, at = 0; y < height; y++) {
    lines[y * (row + 1)] = 4;
    for (let x = 0; x < row; x++, at++) {
      const left = x > 2 ? pixels[at - 3] : 0, above = y ? pixels[at - row] : 0;
      lines[y * (row + 1) + 1 + x] = pixels[at] - paeth(left, above, x > 2 && y ? pixels[at - row - 3] : 0);
    }
  }
  return lines;
}

/** @param {Uint8Array} bytes */
function view(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
