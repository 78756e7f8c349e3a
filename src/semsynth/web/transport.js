// How the page reaches the model without a server: it is in a worker of the page, and files are read here.

import { answer } from "./local/rest.js";
import { Socket } from "./local/socket.js";

/** @typedef {import("./local/site.js").Site} Site */

/** What the states of the painter are called. */
export const LINK = { up: "ready", down: "stopped", connecting: "starting", away: "waiting for the model" };
/** Why there is no painter. */
export const SILENT = "The painter did not start. Reload the page, or use a current Chrome, Edge, Firefox or Safari.";

/** @type {Promise<Site>} */
const site = read(new URL("site.json", import.meta.url));

/** @param {URL} address @returns {Promise<Site>} */
async function read(address) {
  /** @type {Site} */
  const found = await (await fetch(address)).json();
  for (const item of [...found.styles, ...found.examples]) item.picture &&= new URL(item.picture, address).href;
  return found;
}

/** Whether pictures come fast enough without compression. */
export function nearby() {
  return true;
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export function request(path, init = {}) {
  return path.startsWith("/api/") ? answer(site, path, init) : fetch(path, init);
}

/** Join the painter. @returns {import("./types.js").Socket} */
export function openSocket() {
  return new Socket();
}
