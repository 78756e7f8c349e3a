import { Connection, FORMAT } from "./connection.js";
import { Signal } from "./signal.js";
import { surface } from "./surface.js";
import { nearby } from "./transport.js";

/**
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./view.js").View} View
 * @typedef {import("./connection.js").Picture} Picture
 */

/** How many requests may be under way: the server paints one and keeps the newest of the others. */
const AHEAD = 4;

/** Keeps the picture up with the drawing: the newest state is always painted, states in between may be skipped. */
export class Live {
  /**
   * @param {Studio} studio
   * @param {View} view
   * @param {() => Settings} settings
   */
  constructor(studio, view, settings) {
    this.studio = studio;
    this.view = view;
    this.settings = settings;
    this.connection = new Connection();
    this.dirty = true;
    this.scheduled = false;
    /** Nothing is painted before the drawing is on the table. */
    this.held = true;
    /** The request that shows the newest state, and the last one shown. */
    this.newest = 0;
    this.shown = 0;
    /** What the newest request asked for. @type {{ids: Uint8Array, width: number, settings: string} | null} */
    this.asked = null;
    /** The drawings of the requests that no picture has come for. @type {Map<number, Uint8Array>} */
    this.sent = new Map();
    /** @type {ReturnType<typeof surface> | null} */
    this.surface = null;
    /** Milliseconds from sending to showing, of the last pictures. @type {number[]} */
    this.delays = [];
    /** A picture was put on the canvas; true when it shows the newest state. @type {Signal<boolean>} */
    this.showed = new Signal();

    this.connection.painted.on((picture) => this.show(picture));
    this.connection.refused.on(() => {
      this.asked = null;
      this.schedule();
    });
    this.connection.passed.on(() => this.schedule());
    this.connection.linked.on((up) => {
      this.asked = null;
      if (up) this.request();
    });
    this.connection.moved.on((away) => {
      if (away || this.connection.waiting.size) return; // the server paints what it was asked for before
      this.asked = null;
      this.request();
    });
    studio.changed.on(() => this.request());
  }

  /** Whether the picture shows the drawing as it is now. */
  get current() {
    return !this.dirty && this.newest !== 0 && this.shown === this.newest;
  }

  /**
   * The picture that is shown, as a data address.
   * @param {number} [most] pixels that its long side has
   * @returns {string | null}
   */
  still(most = Infinity) {
    const picture = this.view.picture.image, { width, height } = this.studio.drawing;
    if (!picture) return null;
    const canvas = document.createElement("canvas"), share = Math.min(1, most / Math.max(width, height));
    canvas.width = Math.round(width * share);
    canvas.height = Math.round(height * share);
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.9);
  }

  /**
   * Wait until the picture shows the drawing as it is, but no longer than a moment.
   * @returns {Promise<void>}
   */
  settled() {
    if (this.current) return Promise.resolve();
    return new Promise((resolve) => {
      setTimeout(resolve, 5000);
      this.showed.on((current) => current && resolve());
    });
  }

  /** The drawing is there: its picture is the first. */
  begin() {
    this.held = false;
    this.request();
  }

  request() {
    this.dirty = true;
    this.schedule();
  }

  schedule() {
    if (this.scheduled || !this.dirty) return;
    this.scheduled = true;
    // A task instead of an animation frame, so that a page in the background is kept up to date as well.
    queueMicrotask(() => {
      this.scheduled = false;
      this.send();
    });
  }

  send() {
    if (this.held || !this.dirty || !this.connection.ready || this.connection.waiting.size >= AHEAD) return;
    const { drawing } = this.studio;
    const settings = this.settings();
    const asked = { ids: drawing.ids.slice(), width: drawing.width, settings: JSON.stringify(settings) };
    if (same(this.asked, asked)) {
      this.dirty = false; // lifting the pen changes nothing: its picture is on the way, or shown already
      if (this.current) this.showed.emit(true);
      return;
    }
    const number = this.connection.send({
      ids: drawing.ids,
      width: drawing.width,
      height: drawing.height,
      settings,
      format: nearby() ? FORMAT.rgb : FORMAT.webp,
    });
    if (!number) return;
    this.dirty = false;
    this.newest = number;
    this.asked = asked;
    this.sent.set(number, asked.ids);
  }

  /** @param {Picture} picture */
  show(picture) {
    if (!this.fits(picture)) {
      this.sent.delete(picture.number); // of the drawing before, which had another shape
    } else if (picture.format === FORMAT.rgb) {
      this.put(picture);
    } else {
      createImageBitmap(new Blob([picture.bytes])).then((bitmap) => {
        if (!this.fits(picture)) return;
        this.view.picture.renew(bitmap);
        this.done(picture);
      });
    }
    this.schedule();
  }

  /** @param {Picture} picture */
  fits({ width, height }) {
    return width === this.studio.drawing.width && height === this.studio.drawing.height;
  }

  /** @param {Picture} picture raw */
  put(picture) {
    const { width, height, bytes } = picture;
    if (this.surface?.canvas.width !== width || this.surface.canvas.height !== height) {
      this.surface = surface(width, height);
    }
    const { pixels } = this.surface;
    for (let i = 0, j = 0; i < pixels.length; i++, j += 3) {
      pixels[i] = 0xff000000 | (bytes[j + 2] << 16) | (bytes[j + 1] << 8) | bytes[j];
    }
    this.surface.show();
    this.view.picture.renew(this.surface.canvas);
    this.done(picture);
  }

  /** @param {Picture} picture */
  done(picture) {
    this.shown = picture.number;
    this.view.pictured = this.sent.get(picture.number) ?? null;
    for (const number of this.sent.keys()) if (number <= picture.number) this.sent.delete(number);
    if (!Number.isNaN(picture.delay)) this.delays.push(picture.delay);
    if (this.delays.length > 20) this.delays.shift();
    this.view.refresh();
    this.showed.emit(this.current);
  }
}

/**
 * @param {{ids: Uint8Array, width: number, settings: string} | null} before
 * @param {{ids: Uint8Array, width: number, settings: string}} now
 */
function same(before, now) {
  if (before?.settings !== now.settings || before.width !== now.width) return false;
  return before.ids.length === now.ids.length && before.ids.every((id, i) => id === now.ids[i]);
}
