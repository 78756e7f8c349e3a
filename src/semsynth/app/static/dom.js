// Small helpers for the elements of the page.

/**
 * @param {string} id
 * @param {() => void} action
 */
export function button(id, action) {
  document.getElementById(id)?.addEventListener("click", action);
}

/**
 * @param {string} id
 * @param {boolean} down
 */
export function press(id, down) {
  document.getElementById(id)?.setAttribute("aria-pressed", String(down));
}

/**
 * @param {string} name
 * @returns {HTMLDialogElement}
 */
export function dialog(name) {
  return /** @type {HTMLDialogElement} */ (document.getElementById(`dialog-${name}`));
}

/** @param {string} id */
export function field(id) {
  return /** @type {HTMLInputElement} */ (document.getElementById(id));
}

/**
 * Give a list other rows; the keyboard's focus stays at its place in the list.
 * @param {HTMLElement} list
 * @param {(Node | string)[]} rows
 * @param {HTMLElement | null} [otherwise] has the focus when no button is left
 */
export function refill(list, rows, otherwise = null) {
  const buttons = () => [...list.querySelectorAll("button")];
  const here = buttons().findIndex((button) => button === document.activeElement);
  list.replaceChildren(...rows);
  if (here < 0) return;
  const now = buttons();
  (now[Math.min(here, now.length - 1)] ?? otherwise)?.focus({ preventScroll: true });
}

/** A button of which one in a group is chosen. @param {() => void} action */
export function radio(action) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.addEventListener("click", action);
  return button;
}

/**
 * Mark the chosen button of a group.
 * @param {HTMLElement} group
 * @param {string} id
 */
export function check(group, id) {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (group.querySelectorAll("[role=radio]"))) {
    button.setAttribute("aria-checked", String(button.id === id));
    button.tabIndex = button.id === id ? 0 : -1;
  }
}
