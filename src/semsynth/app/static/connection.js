import { Signal } from "./signal.js";
import { openSocket, SILENT } from "./transport.js";

/**
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {{ids: Uint8Array, width: number, height: number, settings: Settings, format: number, scale?: number}} Job
 * @typedef {{number: number, format: number, width: number, height: number, seconds: number,
 *   delay: number, bytes: Uint8Array<ArrayBuffer>}} Picture delay: from asking to here in milliseconds, NaN where
 *   the model was away in between
 */

export const FORMAT = { png: 0, jpeg: 1, webp: 2, rgb: 3 };
const KIND = { picture: 1, superseded: 2, error: 3, started: 4, away: 5, back: 6 };
/** Why a request was refused, where the page can do something about it by itself. */
export const REASON = { photoLost: 1 };
const VERSION = 1, HEADER = 16, TRY_LATER = 1013;

/** The painting socket: see the guide of the painting application for its messages. */
export class Connection {
  constructor() {
    /** @type {import("./types.js").Socket | null} */
    this.socket = null;
    this.number = 0;
    this.delay = 250;
    this.closed = false;
    /** Requests that no answer has come for. @type {Map<number, number>} */
    this.waiting = new Map();
    /** @type {Signal<Picture>} */
    this.painted = new Signal();
    /** @type {Signal<{number: number, reason: number, sentence: string}>} */
    this.refused = new Signal();
    /** @type {Signal<{number: number, seconds: number}>} */
    this.started = new Signal();
    /** @type {Signal<boolean>} */
    this.linked = new Signal();
    /** A newer request took the place of this one. @type {Signal<number>} */
    this.passed = new Signal();
    /** Why the server ended the connection, if it said so; empty once it has answered. */
    this.full = "";
    /** Why no picture comes although there is a connection; empty where one does. */
    this.away = "";
    /** The model went away, or came back. @type {Signal<string>} */
    this.moved = new Signal();
  }

  open() {
    const socket = openSocket();
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.delay = 250;
      this.away = "";
      this.linked.emit(true);
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      if (event.code === TRY_LATER) {
        this.delay = 4000;
        this.full = event.reason;
        this.refused.emit({ number: 0, reason: 0, sentence: event.reason });
      }
      this.waiting.clear();
      this.linked.emit(false);
      if (this.closed) return;
      setTimeout(() => this.open(), this.delay);
      this.delay = Math.min(4000, this.delay * 1.7);
    };
    this.socket = socket;
  }

  close() {
    this.closed = true;
    this.socket?.close();
  }

  get ready() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /**
   * Ask for a picture.
   * @param {Job} job
   * @returns {number} the request's number, or 0 when there is no connection
   */
  send(job) {
    if (!this.ready) return 0;
    const settings = new TextEncoder().encode(JSON.stringify(job.settings));
    const message = new Uint8Array(HEADER + settings.length + job.ids.length);
    const head = new DataView(message.buffer);
    this.number = (this.number % 0xffffffff) + 1;
    head.setUint8(0, VERSION);
    head.setUint8(1, 1);
    head.setUint8(2, job.format);
    head.setUint8(3, job.scale ?? 1);
    head.setUint32(4, this.number, true);
    head.setUint16(8, job.width, true);
    head.setUint16(10, job.height, true);
    head.setUint16(12, settings.length, true);
    message.set(settings, HEADER);
    message.set(job.ids, HEADER + settings.length);
    this.socket?.send(message);
    this.waiting.set(this.number, this.away ? NaN : performance.now());
    return this.number;
  }

  /** @param {ArrayBuffer} data */
  receive(data) {
    this.full = "";
    const head = new DataView(data);
    const kind = head.getUint8(1), number = head.getUint32(4, true);
    const seconds = head.getUint32(12, true) / 1e6;
    const bytes = new Uint8Array(data, HEADER);
    if (kind === KIND.started) {
      this.started.emit({ number, seconds });
      return;
    }
    if (kind === KIND.away || kind === KIND.back) {
      this.away = new TextDecoder().decode(bytes);
      for (const waiting of this.waiting.keys()) this.waiting.set(waiting, NaN); // no measure of a picture's speed
      this.moved.emit(this.away);
      return;
    }
    const delay = performance.now() - (this.waiting.get(number) ?? performance.now());
    this.waiting.delete(number);
    if (kind === KIND.picture) {
      const width = head.getUint16(8, true), height = head.getUint16(10, true);
      this.painted.emit({ number, format: head.getUint8(2), width, height, seconds, delay, bytes });
    } else if (kind === KIND.error) {
      this.refused.emit({ number, reason: head.getUint8(3), sentence: new TextDecoder().decode(bytes) });
    } else if (kind === KIND.superseded) {
      this.passed.emit(number);
    }
  }
}

/**
 * Ask for one picture, apart from those that are shown live.
 * @param {Job[]} jobs painted one after the other
 * @param {(picture: Picture, index: number) => boolean | void} each false ends it
 * @returns {Promise<void>}
 */
export function ask(jobs, each) {
  const connection = new Connection();
  return new Promise((resolve, reject) => {
    let index = 0;
    const end = (/** @type {string | null} */ sentence) => {
      connection.close();
      if (sentence === null) resolve();
      else reject(new Error(sentence));
    };
    const next = () => (index < jobs.length ? void connection.send(jobs[index]) : end(null));
    connection.linked.on((up) => (up ? next() : connection.closed || end(SILENT)));
    connection.painted.on((picture) => {
      if (each(picture, index++) === false) end(null);
      else next();
    });
    connection.refused.on(({ sentence }) => end(sentence));
    connection.open();
  });
}
