import { readRequest, REPLY, reply } from "./protocol.js";

/**
 * @typedef {import("./protocol.js").Job} Job
 * @typedef {{content: Uint8Array, width: number, height: number, microseconds: number}} Painted
 * @typedef {{port: MessagePort, job: Job | null}} Client job: the newest one that waits
 */

/** Seconds from which on a picture is announced. */
const LONG = 0.3;

/** Clients take turns; of the requests of each, the newest is painted. */
export class Session {
  /** @param {(job: Job) => Promise<Painted>} paint */
  constructor(paint) {
    this.paint = paint;
    /** @type {Client[]} */
    this.clients = [];
    /** Why no picture comes; empty where one does. */
    this.away = "";
    this.busy = false;
    this.seconds = 0;
    this.turn = new MessageChannel();
    this.turn.port1.onmessage = () => this.work();
  }

  /** @param {MessagePort} port */
  join(port) {
    /** @type {Client} */
    const client = { port, job: null };
    this.clients.push(client);
    port.onmessage = ({ data }) => {
      if (data === "close") this.clients.splice(this.clients.indexOf(client), 1);
      else this.receive(client, data);
    };
    if (this.away) port.postMessage(reply(REPLY.away, 0, { content: this.away }));
  }

  /** The model cannot paint, or can again. @param {string} why */
  move(why) {
    this.away = why;
    for (const { port } of this.clients) port.postMessage(reply(why ? REPLY.away : REPLY.back, 0, { content: why }));
    this.next();
  }

  /**
   * @param {Client} client
   * @param {ArrayBuffer} message
   */
  receive(client, message) {
    if (client.job) client.port.postMessage(reply(REPLY.superseded, client.job.number));
    client.job = readRequest(message);
    this.next();
  }

  /** Work in a task of its own, after all messages that are there by now. */
  next() {
    if (!this.busy) this.turn.port2.postMessage(null);
  }

  async work() {
    const client = this.clients.find(({ job }) => job);
    if (this.busy || this.away || !client?.job) return;
    const { port, job } = client;
    this.busy = true;
    client.job = null;
    this.clients.push(...this.clients.splice(this.clients.indexOf(client), 1));
    const microseconds = Math.round(this.seconds * 1e6), { number, format } = job;
    if (this.seconds > LONG) port.postMessage(reply(REPLY.started, number, { microseconds }));
    const begin = performance.now();
    try {
      const message = reply(REPLY.picture, number, { ...(await this.paint(job)), format });
      port.postMessage(message, [message]);
    } catch (error) {
      port.postMessage(reply(REPLY.error, number, { content: /** @type {Error} */ (error).message }));
    }
    this.seconds = (performance.now() - begin) / 1000;
    this.busy = false;
    this.next();
  }
}
