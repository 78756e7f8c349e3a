// Files that the page writes and reads itself.

import assert from "node:assert/strict";
import { test } from "node:test";

import { stackOf } from "../../../src/semsynth/app/static/openraster.js";
import { textOf } from "../../../src/semsynth/app/static/pngtext.js";
import { crc32, zip } from "../../../src/semsynth/app/static/zip.js";

/** @param {string} text */
const bytesOf = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));

test("a zip file holds its entries uncompressed, in their order", () => {
  assert.equal(crc32(bytesOf("123456789")), 0xcbf43926);
  const file = zip([{ name: "mimetype", bytes: bytesOf("image/openraster") }, { name: "a", bytes: bytesOf("bc") }]);
  const text = new TextDecoder("latin1").decode(file);
  assert.ok(text.startsWith("PK\x03\x04"));
  assert.equal(text.slice(30, 54), "mimetypeimage/openraster");
  const end = new DataView(file.buffer, file.length - 22);
  assert.equal(end.getUint16(10, true), 2);
  assert.equal(text.slice(end.getUint32(16, true)).slice(0, 4), "PK\x01\x02");
  assert.equal(end.getUint32(12, true), 2 * 46 + "mimetypea".length);
});

test("the names of layers are escaped", () => {
  const xml = stackOf(3, 2, [{ name: 'a "b" & <c>', src: "data/0.png", x: 1, y: 0, hidden: true }]);
  assert.match(xml, /w="3" h="2"/);
  assert.match(xml, /name="a &#34;b&#34; &#38; &#60;c&#62;" src="data\/0.png" x="1" y="0"/);
  assert.match(xml, /visibility="hidden"/);
});

test("texts of PNG files are found, and nothing in other files", () => {
  const chunk = (/** @type {string} */ kind, /** @type {string} */ data) =>
    String.fromCharCode(0, 0, data.length >> 8, data.length & 255) + kind + data + "crc.";
  const head = "\x89PNG\r\n\x1a\n" + chunk("IHDR", "x".repeat(13));
  const file = bytesOf(head + chunk("iTXt", "other\0\0\0\0\0no") + chunk("IDAT", "zz") + chunk("iTXt", "key\0\0\0en\0k\0yes"));
  assert.equal(textOf(file, "key"), "yes");
  assert.equal(textOf(file, "ke"), null);
  assert.equal(textOf(file.subarray(0, 40), "key"), null);
  assert.equal(textOf(bytesOf("\xff\xd8\xff\xe0 a JPEG"), "key"), null);
});
