// How the page reaches the model: by a server. The page without a server has another file in this one's place.

/** @typedef {import("./types.js").Socket} Socket */

/** What the states of the connection are called. */
export const LINK = { up: "connected", down: "reconnecting", connecting: "connecting", away: "model restarting" };
/** Why there is no connection. */
export const SILENT = "The server does not answer.";

/** Whether pictures come fast enough without compression. */
export function nearby() {
  return ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export function request(path, init) {
  return fetch(path, init);
}

/**
 * Open the painting socket.
 * @returns {Socket}
 */
export function openSocket() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}/api/paint`);
}
