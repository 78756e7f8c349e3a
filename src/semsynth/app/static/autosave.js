// The drawing is kept by the browser after every step, and is there again after a crash or a reload.

import { upgradeSaved } from "./compat.js";
import { Signal } from "./signal.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./pictures.js").Kept} Kept */
/** @typedef {import("./types.js").Document} Document */
/** @typedef {import("./history.js").Steps} Steps */
/** @typedef {{project: Project, document: Document, kept: Kept[], steps: Steps, when?: number}} Saved */

const STORE = "drawings", TAB = "semsynth.tab", WAIT = 300;
/** Drawings kept per model, those of the tabs used last. */
const MOST = 8;

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("semsynth", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Keeps one drawing per model and tab. */
export class Autosave {
  /**
   * @param {string} model what the drawings of one model have in common
   * @param {() => Saved} state
   */
  constructor(model, state) {
    this.model = model;
    this.key = "";
    this.state = state;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.enabled = false;
    /** Whether something is not saved yet. */
    this.busy = false;
    this.told = false;
    /** The browser does not store the drawing; emitted once. @type {Signal<void>} */
    this.failed = new Signal();
    document.addEventListener("visibilitychange", () => this.flush());
    window.addEventListener("pagehide", () => this.flush());
  }

  /** Something has changed; it is saved a moment later. */
  soon() {
    if (!this.enabled) return;
    this.busy = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), WAIT);
  }

  async flush() {
    if (!this.enabled || this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      const db = await database();
      const transaction = db.transaction(STORE, "readwrite");
      const done = finished(transaction);
      transaction.objectStore(STORE).put({ ...this.state(), when: Date.now() }, this.key);
      await done.finally(() => db.close());
    } catch {
      // A browser that stores nothing paints all the same.
      if (!this.told) this.failed.emit();
      this.told = true;
    }
    this.busy = this.timer !== undefined;
  }

  /**
   * The drawing of this tab, or the newest one where the tab is new.
   * @returns {Promise<Saved | null>}
   */
  async load() {
    try {
      this.key = `${this.model}/${await tab()}`;
      const db = await database();
      const transaction = db.transaction(STORE, "readwrite");
      const done = finished(transaction);
      const store = transaction.objectStore(STORE);
      /** @type {{key: IDBValidKey, saved: Saved}[]} */
      const kept = [];
      store.openCursor(IDBKeyRange.bound(this.model, `${this.model}/\uffff`)).onsuccess = (event) => {
        const cursor = /** @type {IDBRequest<IDBCursorWithValue | null>} */ (event.target).result;
        if (cursor) {
          kept.push({ key: cursor.key, saved: cursor.value });
          cursor.continue();
          return;
        }
        kept.sort((a, b) => (b.saved.when ?? 0) - (a.saved.when ?? 0));
        for (const { key } of kept.slice(MOST)) if (key !== this.key) store.delete(key);
      };
      await done.finally(() => db.close());
      const newest = kept.find(({ key }) => key === this.key) ?? kept[0];
      return newest ? upgradeSaved(newest.saved) : null;
    } catch {
      return null;
    }
  }
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * A name for this tab that a reload does not change. A copy of a tab brings its original's along, and gets another.
 * @returns {Promise<string>}
 */
async function tab() {
  const old = sessionStorage.getItem(TAB);
  if (old && (await claim(old))) return old;
  const name = `${Date.now()}-${Math.random()}`;
  sessionStorage.setItem(TAB, name);
  await claim(name);
  return name;
}

/**
 * Take a name, if no other open tab has it.
 * @param {string} name
 * @returns {Promise<boolean>}
 */
function claim(name) {
  if (!navigator.locks) return Promise.resolve(true); // browsers have it at secure addresses alone
  return new Promise((resolve) => {
    navigator.locks.request(`${TAB}.${name}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {}); // held until the tab is closed
    });
  });
}
