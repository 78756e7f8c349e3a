const CACHE = "semsynth.model", ATTEMPTS = 5, WAIT = 1000;

/**
 * Fetch a large file that never changes. The browser keeps it; a download that broke off is resumed.
 * @param {URL} address
 * @param {number} total bytes that it has
 * @param {(loaded: number) => void} progress
 * @returns {Promise<Blob>}
 */
export async function download(address, total, progress) {
  const cache = await globalThis.caches?.open(CACHE).catch(() => undefined);
  const kept = await cache?.match(address);
  if (kept) return kept.blob();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  let parts = [];
  let loaded = 0;
  for (let attempt = 1; loaded < total; attempt++) {
    try {
      const answer = await fetch(address, loaded ? { headers: { Range: `bytes=${loaded}-` } } : {});
      if (!answer.ok || !answer.body) throw new Error(`The web server answered ${answer.status}.`);
      if (answer.status !== 206) [parts, loaded] = [[], 0];
      const reader = answer.body.getReader();
      for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) {
        parts.push(value);
        progress((loaded += value.length));
      }
      if (loaded < total) throw new Error("The download broke off.");
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, WAIT * attempt));
    }
  }
  const blob = new Blob(parts);
  if (cache) await keep(cache, address, blob);
  return blob;
}

/**
 * Keep a file, and forget those that stood in the same folder before it.
 * @param {Cache} cache
 * @param {URL} address
 * @param {Blob} blob
 */
async function keep(cache, address, blob) {
  const folder = new URL(".", address).href;
  for (const { url } of await cache.keys()) if (new URL(".", url).href === folder) await cache.delete(url);
  await cache.put(address, new Response(blob)).catch(() => {}); // no room: it is downloaded again
}
