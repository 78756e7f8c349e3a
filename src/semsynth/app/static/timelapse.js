// How the drawing came to be, as a video: the states between its steps, map and picture beside each other.

import { ask, FORMAT } from "./connection.js";
import { Drawing } from "./drawing.js";
import { History } from "./history.js";
import { settingsOf } from "./photo.js";
import { surface } from "./surface.js";

/**
 * @typedef {import("./types.js").Scene} Scene
 * @typedef {import("./types.js").Size} Size
 * @typedef {import("./studio.js").Studio} Studio
 * @typedef {import("./colours.js").Colours} Colours
 * @typedef {import("./history.js").Step} Step
 * @typedef {Size & {ids: Uint8Array, scene: Scene}} Frame
 */

/** Milliseconds: how long a video lasts at most, how long a frame is seen, and the last one. */
const WHOLE = 20_000, FAST = 60, SLOW = 400, LAST = 1500;
const GAP = 8, KINDS = ["video/webm;codecs=vp9", "video/webm", "video/mp4"];

/**
 * The states of the drawing since it was begun or opened, as far as its steps reach back.
 * @param {Drawing} drawing
 * @param {Step[]} done
 * @param {Scene} scene what lies beside the drawing now
 * @returns {Frame[]}
 */
export function framesOf(drawing, done, scene) {
  const copy = new Drawing(drawing.width, drawing.height, drawing.background), past = new History(copy);
  copy.restore(drawing.copy());
  past.done = done.slice(1 + done.map(begins).lastIndexOf(true));
  past.scene = { take: () => scene, put: (then) => (scene = then) };
  const state = () => ({ width: copy.width, height: copy.height, ids: copy.ids.slice(), scene });
  const frames = [state()];
  while (past.undo() !== null) frames.unshift(state());
  return frames.filter((frame, i) => !i || !alike(frame, frames[i - 1]));
}

/** Whether a step put another drawing in the place of the one before. @param {Step} step */
function begins(step) {
  return step.kind === "stack" && step.before.scene?.document !== step.after.scene?.document;
}

/** @param {Frame} a @param {Frame} b */
function alike(a, b) {
  const same = a.width === b.width && a.ids.length === b.ids.length && a.scene.photo === b.scene.photo;
  return same && JSON.stringify(a.scene.style) === JSON.stringify(b.scene.style) && a.ids.every((id, i) => id === b.ids[i]);
}

/**
 * @param {Studio} studio
 * @param {Colours} colours
 * @returns {Promise<Blob>}
 */
export async function timeLapse({ drawing, history, told }, colours) {
  const kind = globalThis.MediaRecorder && KINDS.find((type) => MediaRecorder.isTypeSupported(type));
  if (!kind || !history.scene) throw new Error("This browser cannot write videos.");
  const frames = framesOf(drawing, history.done, history.scene.take());
  if (frames.length < 2) throw new Error("There are no strokes yet to make a time lapse of.");
  const jobs = frames.map(({ ids, width, height, scene: { style, photo } }) => ({
    ids, width, height, format: FORMAT.webp, settings: { style, ...settingsOf(photo) },
  }));
  /** @type {Blob[]} */
  const pictures = [];
  await ask(jobs, ({ bytes }) => {
    pictures.push(new Blob([bytes]));
    told.emit(`Time lapse: picture ${pictures.length} of ${jobs.length}`);
  });
  told.emit("Time lapse: writing the video ...");
  return record(frames, pictures, colours, kind);
}

/**
 * Show all frames in turn on a canvas, and keep what one sees.
 * @param {Frame[]} frames
 * @param {Blob[]} pictures
 * @param {Colours} colours
 * @param {string} kind
 * @returns {Promise<Blob>}
 */
async function record(frames, pictures, colours, kind) {
  const { width, height } = /** @type {Frame} */ (frames.at(-1)), upright = width > 1.4 * height;
  const beside = upright ? { x: 0, y: height + GAP } : { x: width + GAP, y: 0 };
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width + beside.x, height + beside.y];
  const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: kind, videoBitsPerSecond: 8_000_000 });
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  for (const [i, frame] of frames.entries()) {
    const map = surface(frame.width, frame.height), picture = await createImageBitmap(pictures[i]);
    colours.draw(frame.ids, frame.width, map.pixels);
    map.show();
    g.fillStyle = "#16191e";
    g.fillRect(0, 0, canvas.width, canvas.height);
    g.drawImage(map.canvas, 0, 0, width, height);
    g.drawImage(picture, beside.x, beside.y, width, height);
    const last = i === frames.length - 1;
    const shown = last ? LAST : Math.max(FAST, Math.min(SLOW, WHOLE / frames.length));
    await new Promise((resolve) => setTimeout(resolve, shown));
  }
  recorder.stop();
  await stopped;
  return new Blob(parts, { type: kind.split(";")[0] });
}
