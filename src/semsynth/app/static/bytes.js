// Bytes to text and back, and files to and from the user.

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/**
 * Hand a file to the user.
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * A canvas as a picture file.
 * @param {HTMLCanvasElement} canvas
 * @param {string} [kind] its MIME type
 * @returns {Promise<Blob>}
 */
export function fileOf(canvas, kind = "image/png") {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser cannot write this picture."))), kind, 0.92));
}

/**
 * Ask the user for a file.
 * @param {string} accept MIME types or endings
 * @returns {Promise<File | null>}
 */
export function pickFile(accept) {
  const input = /** @type {HTMLInputElement} */ (document.getElementById("file"));
  input.value = "";
  input.accept = accept;
  return new Promise((resolve) => {
    input.onchange = () => resolve(input.files?.[0] ?? null);
    input.oncancel = () => resolve(null);
    input.click();
  });
}

/**
 * The lengths of runs of equal values, by turns of 0 and 1, the first of 0.
 * @param {Uint8Array} mask
 * @returns {number[]}
 */
export function toRuns(mask) {
  const runs = [0];
  for (const value of mask) {
    if (value !== (runs.length + 1) % 2) runs.push(0);
    runs[runs.length - 1]++;
  }
  if (runs.length % 2) runs.pop(); // what is left as it is need not be said
  return runs;
}

/**
 * @param {number[]} runs
 * @param {number} length
 * @returns {Uint8Array}
 */
export function fromRuns(runs, length) {
  const mask = new Uint8Array(length);
  let at = 0;
  for (const [i, run] of runs.entries()) mask.fill(i % 2, at, (at += run));
  return mask;
}
