// Pictures to choose from.

import { icon } from "./icons.js";

/** @typedef {import("./types.js").OneStyle} OneStyle */

/**
 * A style of the gallery.
 * @param {{label: string, picture: string | null, style: OneStyle | null}} choice style: null for that of the rest
 * @param {boolean} chosen
 * @param {() => void} action
 */
export function tile(choice, chosen, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  button.setAttribute("role", "radio");
  button.setAttribute("aria-checked", String(chosen));
  button.tabIndex = chosen ? 0 : -1;
  if (choice.picture) {
    const image = document.createElement("img");
    image.src = choice.picture;
    image.alt = "";
    image.loading = "lazy";
    button.append(image);
  } else {
    const blank = document.createElement("span");
    blank.className = "blank";
    blank.append(icon(iconOf(choice.style)));
    button.append(blank);
  }
  button.append(caption(choice.label));
  button.addEventListener("click", action);
  return button;
}

/** What stands for a style that has no picture. @param {OneStyle | null} style */
export function iconOf(style) {
  return !style || "mix" in style ? "grid" : "seed" in style ? "dice" : "photo";
}

/**
 * Something to choose whose picture is still to come.
 * @param {number | string} name
 * @param {string} label
 */
export function candidate(name, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  button.disabled = true;
  button.setAttribute("aria-label", label);
  const image = document.createElement("img");
  image.alt = "";
  button.append(image, caption(String(name)));
  return button;
}

/**
 * Something to choose that shows an element of its own.
 * @param {HTMLElement} shown
 * @param {string} name
 * @param {() => void} action
 */
export function pick(shown, name, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  button.append(shown, caption(name));
  button.addEventListener("click", action);
  return button;
}

/** @param {string} text */
function caption(text) {
  const name = document.createElement("span");
  name.className = "tile-name";
  name.textContent = text;
  return name;
}

/**
 * Arrow keys within a group of radio buttons.
 * @param {KeyboardEvent} e
 * @param {HTMLElement} group
 */
export function walkRadios(e, group) {
  const radios = /** @type {HTMLElement[]} */ ([...group.querySelectorAll("[role=radio]")]);
  const here = radios.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  /** @type {Record<string, number>} */
  const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  const step = steps[e.key];
  if (!step || here < 0 || e.altKey) return;
  e.preventDefault();
  const index = (here + step + radios.length) % radios.length;
  radios[index].click();
  const again = /** @type {HTMLElement[]} */ ([...group.querySelectorAll("[role=radio]")]);
  again[index]?.focus();
}
