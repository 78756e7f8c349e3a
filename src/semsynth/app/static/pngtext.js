// What PNG files say beside their pixels.

/**
 * The text under a keyword, uncompressed, as the server writes it; null where there is none.
 * @param {Uint8Array} bytes a file of any kind
 * @param {string} keyword
 * @returns {string | null}
 */
export function textOf(bytes, keyword) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), latin = new TextDecoder("latin1");
  if (bytes.length < 8 || view.getUint32(0) !== 0x89504e47) return null;
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (latin.decode(bytes.subarray(at + 4, at + 8)) !== "iTXt") continue;
    const data = bytes.subarray(at + 8, at + 8 + view.getUint32(at)), end = data.indexOf(0);
    if (latin.decode(data.subarray(0, end)) !== keyword || data[end + 1]) continue;
    const language = data.indexOf(0, end + 3), translated = data.indexOf(0, language + 1);
    return new TextDecoder().decode(data.subarray(translated + 1));
  }
  return null;
}
