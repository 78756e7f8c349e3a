// Keeps the page for use without a network. The builder fills in what there is to keep.

const SCOPE = self.registration.scope, CACHE = `semsynth ${SCOPE} @VERSION@`;
const FILES = new Set("@FILES@".split(" ").map((path) => new URL(path, SCOPE).href));
/** Names files that change with their content, and is itself asked for each time. */
const START = new Request(SCOPE, { cache: "no-cache" });

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forget()));
self.addEventListener("fetch", (event) => {
  const { request } = event, [address] = request.url.split(/[?#]/);
  if (address === SCOPE || address === `${SCOPE}index.html`) event.respondWith(fetch(START).catch(() => kept(SCOPE)));
  else if (FILES.has(request.url)) event.respondWith(kept(request.url).then((answer) => answer ?? fetch(request)));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll([START, ...FILES]);
  await self.skipWaiting();
}

/** Delete what earlier versions kept. */
async function forget() {
  const old = (await caches.keys()).filter((name) => name.startsWith(`semsynth ${SCOPE} `) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function kept(address) {
  return caches.match(address, { cacheName: CACHE });
}
