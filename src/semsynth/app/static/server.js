// Talking to the server by REST.

import { request } from "./transport.js";

/** A sentence from the server, or about it. */
export class ApiError extends Error {
  /**
   * @param {string} sentence
   * @param {number} status of HTTP, or 0 where there was no answer
   * @param {string} [code] where a program can do something about it
   */
  constructor(sentence, status, code = "") {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function call(path, init) {
  let answer;
  try {
    answer = await request(path, init);
  } catch {
    throw new ApiError("The server does not answer. Is it still running?", 0);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(body.error ?? `The server refused (${answer.status}).`, answer.status, body.code);
}

/**
 * @param {string} path
 * @param {any} body
 * @param {string} [method]
 */
export function sendJson(path, body, method = "POST") {
  return call(path, { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
}

/**
 * @param {string} path
 * @param {Record<string, string | Blob>} fields
 */
export function sendForm(path, fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return call(path, { method: "POST", body: form });
}
