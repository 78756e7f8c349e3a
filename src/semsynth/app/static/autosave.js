// The drawing is kept by the browser after every step, and is there again after a crash or a reload.

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./pictures.js").Kept} Kept */
/** @typedef {{project: Project, name: string, kept: Kept[]}} Saved */

const STORE = "drawings", WAIT = 300;

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("semsynth", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Keeps one drawing per model. */
export class Autosave {
  /**
   * @param {string} key
   * @param {() => Saved} state
   */
  constructor(key, state) {
    this.key = key;
    this.state = state;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.enabled = false;
    /** Whether something is not saved yet. */
    this.busy = false;
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
      transaction.objectStore(STORE).put(this.state(), this.key);
      transaction.oncomplete = () => {
        db.close();
        this.busy = this.timer !== undefined;
      };
    } catch {
      // A browser that stores nothing paints all the same.
    }
  }

  /** @returns {Promise<Saved | null>} */
  async load() {
    try {
      const db = await database();
      return await new Promise((resolve) => {
        const request = db.transaction(STORE).objectStore(STORE).get(this.key);
        request.onsuccess = () => resolve(request.result ?? null);
        request.onerror = () => resolve(null);
      });
    } catch {
      return null;
    }
  }
}
