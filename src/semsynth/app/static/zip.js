// Zip files whose entries are stored as they are, for what is compressed already.

/** @typedef {{name: string, bytes: Uint8Array}} Entry name: in ASCII */

/** The first of January 1980, as zip files have it. */
const DATE = 0x21;

const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * @param {Entry[]} entries in their order in the file
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function zip(entries) {
  const names = entries.map(({ name }) => new TextEncoder().encode(name));
  const length = entries.reduce((sum, { bytes }, i) => sum + 76 + 2 * names[i].length + bytes.length, 22);
  const file = new Uint8Array(length), view = new DataView(file.buffer);
  let at = 0;
  /** Write numbers of 2 or 4 bytes. @param {[number, number][]} fields */
  const write = (fields) => {
    for (const [size, value] of fields) {
      if (size === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += size;
    }
  };
  const put = (/** @type {Uint8Array} */ bytes) => {
    file.set(bytes, at);
    at += bytes.length;
  };
  /** What the file and its directory both say of an entry. @type {[number, number][][]} */
  const shared = entries.map(({ bytes }, i) => [
    [2, 20], [2, 0], [2, 0], [2, 0], [2, DATE], [4, crc32(bytes)], [4, bytes.length], [4, bytes.length],
    [2, names[i].length], [2, 0],
  ]);
  const places = entries.map(({ bytes }, i) => {
    const place = at;
    write([[4, 0x04034b50], ...shared[i]]);
    put(names[i]);
    put(bytes);
    return place;
  });
  const directory = at;
  names.forEach((name, i) => {
    write([[4, 0x02014b50], [2, 20], ...shared[i], [2, 0], [2, 0], [2, 0], [4, 0], [4, places[i]]]);
    put(name);
  });
  const { length: count } = entries, size = at - directory;
  write([[4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, directory], [2, 0]]);
  return file;
}
