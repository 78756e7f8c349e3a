/** The panels at the side, one at a time. */
export class Tabs {
  constructor() {
    this.tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#tabs [role=tab]")]);
    for (const [i, tab] of this.tabs.entries()) {
      tab.addEventListener("click", () => this.open(i));
      tab.addEventListener("keydown", (e) => {
        const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
        if (!step) return;
        const next = (i + step + this.tabs.length) % this.tabs.length;
        this.open(next);
        this.tabs[next].focus();
        e.preventDefault();
      });
    }
  }

  /** @param {number} index */
  open(index) {
    for (const [i, tab] of this.tabs.entries()) {
      const chosen = i === index;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      if (panel) panel.hidden = !chosen;
    }
  }
}
