// One table of all shortcuts: what it lists is what works, and the sheet shows it.

import { field } from "./dom.js";
import { preference, remember } from "./preferences.js";

/**
 * @typedef {{keys: string, does: string, action: () => void}} Shortcut keys as KeyboardEvent.key, with modifiers
 *   before; without `does` it is not in the sheet
 * @typedef {{title: string, shortcuts: Shortcut[]}} Section
 */

/** @type {Record<string, string>} */
const SHOWN = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Mod: "Ctrl", " ": "Space" };

/**
 * Whether Ctrl or its like is held. Windows says so of AltGr too, which only helps to type a character.
 * @param {KeyboardEvent} e
 */
function withMod(e) {
  return e.metaKey || (e.ctrlKey && !e.getModifierState("AltGraph"));
}

/**
 * Name the keys of an event the way the table does.
 * @param {KeyboardEvent} e
 * @returns {string}
 */
export function keysOf(e) {
  const mods = [];
  if (withMod(e)) mods.push("Mod");
  if (e.shiftKey && (e.key.length > 1 || /[a-z]/i.test(e.key))) mods.push("Shift");
  return [...mods, e.key.length === 1 ? e.key.toLowerCase() : e.key].join("+");
}

/**
 * What every key does.
 * @param {Section[]} sections
 * @returns {Map<string, () => void>}
 */
export function tableOf(sections) {
  const table = new Map();
  for (const { keys, does, action } of sections.flatMap((s) => s.shortcuts)) {
    if (table.has(keys)) throw new Error(`The key ${keys} is used twice, the second time for: ${does}.`);
    table.set(keys, action);
  }
  return table;
}

/**
 * Listen for shortcuts everywhere but in text fields and open dialogs.
 * @param {Section[]} sections
 * @param {(key: string) => boolean} first asked before the table of keys without Ctrl; true when it took the key
 */
export function listen(sections, first) {
  const table = tableOf(sections);
  const single = field("single-keys"); // speech and slips of the hand press single keys: they can be switched off
  single.checked = preference("single keys", true);
  single.addEventListener("change", () => remember("single keys", single.checked));
  document.addEventListener("keydown", (e) => {
    const target = /** @type {Element} */ (e.target);
    const typing = target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
    const mod = withMod(e);
    if (document.querySelector("dialog:modal") || (typing && !mod) || e.defaultPrevented) return;
    if (e.altKey && !e.getModifierState("AltGraph")) return; // the browser's, or the system's
    if (typing && ["a", "z", "y"].includes(e.key.toLowerCase())) return;
    if (!mod && e.key.length === 1 && !single.checked) return;
    const action = table.get(keysOf(e));
    if (mod || !first(e.key)) {
      if (!action) return;
      action();
    }
    e.preventDefault();
  });
}

/**
 * Fill the sheet of shortcuts.
 * @param {HTMLElement} sheet
 * @param {Section[]} sections
 */
export function fillSheet(sheet, sections) {
  for (const { title, shortcuts } of sections) {
    const part = document.createElement("section");
    const head = document.createElement("h3");
    head.textContent = title;
    const list = document.createElement("dl");
    for (const { keys, does } of shortcuts) {
      if (!does) continue;
      const term = document.createElement("dt");
      for (const key of keys === "+" ? ["+"] : keys.split("+")) {
        const box = document.createElement("kbd");
        box.textContent = SHOWN[key] ?? (key.length === 1 ? key.toUpperCase() : key);
        term.append(box);
      }
      const text = document.createElement("dd");
      text.textContent = does;
      list.append(term, text);
    }
    part.append(head, list);
    sheet.append(part);
  }
}
