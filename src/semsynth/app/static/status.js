import { LINK, SILENT } from "./transport.js";

/**
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./live.js").Live} Live
 * @typedef {import("./palette.js").Palette} Palette
 * @typedef {import("./types.js").Point} Point
 */

/** Milliseconds that a message stays, and more for each of its characters. */
const SHOWN = 2500, TO_READ = 60;

/** Milliseconds between two steps of the progress bar. */
const STEP = 150;

/** The bar at the bottom: what is under the pointer, what has happened, how fast pictures come. */
export class Status {
  /**
   * @param {Studio} studio
   * @param {Palette} palette
   * @param {Live} live
   */
  constructor(studio, palette, live) {
    this.studio = studio;
    this.palette = palette;
    this.message = element("status-message");
    /** @type {Point | null} */
    this.last = null;
    this.progress = element("progress");
    studio.told.on((text) => this.tell(text));
    document.addEventListener("close", () => this.place(), true);
    studio.stepped.on(() => this.point(this.last));
    this.live = live;
    live.showed.on((current) => {
      this.mark();
      if (!live.delays.length) return;
      const delay = [...live.delays].sort((a, b) => a - b)[live.delays.length >> 1];
      element("status-speed").textContent = `picture in ${Math.round(delay)} ms`;
      if (current) this.progress.hidden = true;
    });
    live.connection.started.on(({ seconds }) => this.run(seconds));
    live.connection.linked.on((up) => {
      this.link(up ? "up" : "down");
      if (!up) this.progress.hidden = true;
      this.mark();
    });
    live.connection.moved.on((away) => {
      this.link(away ? "away" : "up");
      if (away) this.progress.hidden = true;
      this.mark();
    });
    studio.changed.on(() => this.mark());
    live.connection.refused.on(() => {
      this.progress.hidden = true;
    });
  }

  /** @param {string} text */
  tell(text) {
    this.place();
    this.message.textContent = text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.message.textContent = "";
    }, SHOWN + TO_READ * text.length);
  }

  /** Messages are where one looks: in the dialog that is open, or else over the drawing. */
  place() {
    const place = document.querySelector("dialog:modal") ?? element("messages");
    if (this.message.parentElement !== place) place.append(this.message);
  }

  /** Say on the picture that it may be old, while no other can come. */
  mark() {
    const { connection, current } = this.live;
    const down = element("status-link").dataset.state === "down";
    const why = down ? connection.full || SILENT : connection.away;
    const mark = element("stale");
    mark.hidden = !why;
    mark.textContent = why && !current && this.live.view.picture ? `${why} The picture is of an earlier drawing.` : why;
  }

  /** @param {"up" | "down" | "connecting" | "away"} state */
  link(state) {
    const link = element("status-link");
    link.dataset.state = state;
    const words = link.querySelector("span");
    if (words) words.textContent = LINK[state];
  }

  /** Show that a picture is being painted that takes a while. @param {number} seconds */
  run(seconds) {
    const bar = /** @type {HTMLElement} */ (this.progress.firstElementChild);
    this.progress.hidden = false;
    clearInterval(this.moving);
    // A few steps, no animation: each frame of the page takes time from the model.
    const begun = performance.now(), move = () => {
      const share = Math.min(0.95, (performance.now() - begun) / 1000 / seconds);
      bar.style.transform = `scaleX(${share})`;
      if (this.progress.hidden || share === 0.95) clearInterval(this.moving);
    };
    move();
    this.moving = setInterval(move, STEP);
  }

  /** @param {Point | null} p on the drawing */
  point(p) {
    this.last = p;
    const { drawing } = this.studio;
    const x = Math.floor(p?.x ?? -1), y = Math.floor(p?.y ?? -1);
    const inside = x >= 0 && y >= 0 && x < drawing.width && y < drawing.height;
    const id = inside ? drawing.ids[y * drawing.width + x] : -1;
    element("status-class").textContent = inside ? `${this.studio.nameOf(id)}  ${this.palette.share(id)}` : "";
    element("status-place").textContent = inside ? `${x}, ${y}` : "";
  }
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
