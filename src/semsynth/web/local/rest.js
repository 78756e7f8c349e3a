// The REST interface as the page uses it, answered in the page.

import { fromBase64 } from "../bytes.js";
import { readProject, writeProject } from "./archive.js";
import { readMap, writeMap } from "./maps.js";
import { styleOfPhoto } from "./photos.js";
import { checkProject, list, load, remove, save } from "./projects.js";
import { Refusal } from "./refusal.js";

/**
 * @typedef {import("./site.js").Site} Site
 * @typedef {{site: Site, path: string, query: URLSearchParams, body: any}} Request
 */

const NEEDS_SERVER = "This page works without a server and cannot edit photographs; the application on your own machine can: semsynth app.";

/** By method and the beginning of the path. @type {Record<string, (request: Request) => any>} */
const ROUTES = {
  "GET /api/model": ({ site }) => site.model,
  "GET /api/labels": ({ site }) => site.labels,
  "GET /api/styles": ({ site }) => site.styles,
  "POST /api/styles": ({ body }) => styleOfPhoto(body.get("photo")),
  "GET /api/examples": ({ site }) => site.examples,
  "POST /api/maps/read": ({ site, body }) => readMap(body.get("map"), site.labels, sizeOf(body), frameOf(body)),
  "POST /api/maps/write": async ({ site, body: { ids, settings, ...size } }) =>
    new Blob([await writeMap(fromBase64(ids), size, site, settings)], { type: "image/png" }),
  "POST /api/projects/read": async ({ site, body }) => checkProject(await readProject(body.get("project")), site),
  "POST /api/projects/write": ({ site, body }) => writeProject(checkProject(body, site), site.labels),
  "GET /api/projects": () => list(),
  "GET /api/projects/": ({ path }) => load(path),
  "PUT /api/projects/": ({ site, path, query, body }) => save(path, checkProject(body, site), query.get("replace") === "true"),
  "DELETE /api/projects/": ({ path }) => remove(path),
};

/**
 * @param {Promise<Site>} site
 * @param {string} address
 * @param {RequestInit} init
 * @returns {Promise<Response>}
 */
export async function answer(site, address, { method = "GET", body }) {
  try {
    const { pathname, searchParams: query } = new URL(address, "http://localhost");
    const [, place, path] = /** @type {string[]} */ (pathname.match(/^(\/api\/projects\/(?!read$|write$))(.*)/) ?? ["", pathname, ""]);
    const route = ROUTES[`${method} ${place}`];
    if (!route) throw new Refusal(NEEDS_SERVER);
    const given = typeof body === "string" ? JSON.parse(body) : body;
    const found = await route({ site: await site, path: decodeURIComponent(path), query, body: given });
    return new Response(found instanceof Blob ? found : JSON.stringify(found ?? null));
  } catch (error) {
    const { message, status = 500, code = "" } = /** @type {Refusal} */ (error);
    return new Response(JSON.stringify({ error: message, code }), { status });
  }
}

/** @param {FormData} form */
function sizeOf(form) {
  return form.has("width") ? { width: Number(form.get("width")), height: Number(form.get("height")) } : null;
}

/** @param {FormData} form @returns {[number, number, number, number] | null} */
function frameOf(form) {
  const text = form.get("frame");
  return text === null ? null : /** @type {[number, number, number, number]} */ (String(text).split(",").map(Number));
}
