import { preference, remember } from "./preferences.js";

/**
 * Tell a newcomer what to do, until it was done once.
 * @param {import("./studio.js").Studio} studio
 */
export function welcome(studio) {
  const card = /** @type {HTMLElement} */ (document.getElementById("welcome"));
  if (preference("welcomed", false)) return;
  card.hidden = false;
  const end = () => {
    if (card.hidden) return;
    card.hidden = true;
    remember("welcomed", true);
  };
  studio.stepped.on(end);
  document.getElementById("welcome-close")?.addEventListener("click", end);
  document.getElementById("welcome-examples")?.addEventListener("click", () => {
    end();
    document.getElementById("new")?.click();
  });
}
