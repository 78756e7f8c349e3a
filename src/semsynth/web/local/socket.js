// The painter: a worker, with a port for each that asks it for pictures.

const OPEN = 1, CLOSED = 3;

/** @type {Set<Socket>} */
const sockets = new Set();
/** Whether the worker runs; null while it has not said so. @type {boolean | null} */
let runs = null;
const painter = start(); // at once: the model is on its way while the page is put together

function start() {
  const worker = new Worker(new URL("../painter/worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => {
    runs = true;
    showProgress(data);
    // Without it the page works, but not offline; it waits, so that the model comes first.
    if (data === 1) navigator.serviceWorker?.register("sw.js").catch(() => {});
  };
  worker.onerror = () => {
    runs ??= false;
    sockets.forEach((socket) => socket.end());
  };
  return worker;
}

/** How much of the model is there. @param {number} share */
function showProgress(share) {
  const bar = /** @type {HTMLElement} */ (document.getElementById("progress"));
  bar.hidden = share >= 1;
  /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${100 * share}%`;
}

/**
 * The style of a photograph.
 * @param {Uint8ClampedArray} pixels four bytes each
 * @param {number} width
 * @param {number} height
 * @returns {Promise<number[]>}
 */
export function askStyle(pixels, width, height) {
  const { port1, port2 } = new MessageChannel();
  painter.postMessage({ pixels, width, height, port: port2 }, [port2, pixels.buffer]);
  return new Promise((resolve, reject) => {
    port1.onmessage = ({ data }) => (typeof data === "string" ? reject(new Error(data)) : resolve(data));
  });
}

/** What the page needs of a WebSocket, between it and the painter. */
export class Socket {
  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    /** @type {BinaryType} */
    this.binaryType = "arraybuffer";
    this.readyState = OPEN;
    /** @type {WebSocket["onopen"]} */
    this.onopen = null;
    /** @type {WebSocket["onmessage"]} */
    this.onmessage = null;
    /** @type {WebSocket["onclose"]} */
    this.onclose = null;
    port1.onmessage = (event) => this.onmessage?.call(/** @type {any} */ (this), event);
    sockets.add(this);
    painter.postMessage(port2, [port2]);
    queueMicrotask(() => (runs === false ? this.end() : this.onopen?.call(/** @type {any} */ (this), new Event("open"))));
  }

  /** @param {any} message */
  send(message) {
    this.port.postMessage(message.buffer);
  }

  close() {
    this.port.postMessage("close");
    this.end();
  }

  end() {
    sockets.delete(this);
    this.readyState = CLOSED;
    this.onclose?.call(/** @type {any} */ (this), new CloseEvent("close"));
  }
}
