// Small habits of the user, kept by the browser: theme, brush size, view, favourites.

/**
 * @param {string} name
 * @param {unknown} otherwise
 * @returns {any}
 */
export function preference(name, otherwise) {
  try {
    const text = localStorage.getItem(`semsynth.${name}`);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(`semsynth.${name}`, JSON.stringify(value));
  } catch {
    // A browser that stores nothing paints all the same.
  }
}
