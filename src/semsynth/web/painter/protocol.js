// The messages of the painting socket from the other side: class ids come in, pictures go out.

/**
 * @typedef {import("../types.js").Settings} Settings
 * @typedef {{number: number, format: number, scale: number, quality: number, width: number, height: number,
 *   settings: Settings, ids: Uint8Array<ArrayBuffer>}} Job
 */

const VERSION = 1, HEADER = 16;
export const REPLY = { picture: 1, superseded: 2, error: 3, started: 4, away: 5, back: 6 };

/** @param {ArrayBuffer} message @returns {Job} */
export function readRequest(message) {
  const head = new DataView(message), length = head.getUint16(12, true);
  const width = head.getUint16(8, true), height = head.getUint16(10, true);
  const text = new TextDecoder().decode(new Uint8Array(message, HEADER, length));
  return {
    number: head.getUint32(4, true),
    format: head.getUint8(2),
    scale: head.getUint8(3),
    quality: head.getUint8(14),
    width,
    height,
    settings: text ? JSON.parse(text) : { style: { seed: 0 } },
    ids: new Uint8Array(message, HEADER + length, width * height),
  };
}

/**
 * @param {number} kind
 * @param {number} number of the request
 * @param {{content?: Uint8Array | string, format?: number, width?: number, height?: number, microseconds?: number}} [what]
 * @returns {ArrayBuffer}
 */
export function reply(kind, number, { content = "", format = 0, width = 0, height = 0, microseconds = 0 } = {}) {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const message = new Uint8Array(HEADER + bytes.length);
  const head = new DataView(message.buffer);
  head.setUint8(0, VERSION);
  head.setUint8(1, kind);
  head.setUint8(2, format);
  head.setUint32(4, number, true);
  head.setUint16(8, width, true);
  head.setUint16(10, height, true);
  head.setUint32(12, microseconds, true);
  message.set(bytes, HEADER);
  return message.buffer;
}
