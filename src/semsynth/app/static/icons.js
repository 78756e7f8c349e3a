// Our own line icons, 24x24: one path each, drawn with the colour of the text around them.

/** @type {Record<string, string>} */
const PATHS = {
  brush: "M4 20c3 0 5-1 5-4a2.5 2.5 0 0 1 5 0M9.5 15.5 19 4c1.5 1.500 1.500 2 .5 3.500L13 16",
  eraser: "M8 20h12M5.500 13.500l7.500-8.500 6.500 6-7.500 8.500H9l-3.500-3.500zM9 9.500l6.500 6",
  fill: "M5 12l7-7 7 7-6.500 6.500a1.500 1.500 0 0 1-2 0zM5 12h14M9 2l3 3M20.500 16c1.300 2 1.300 4 0 4s-1.300-2 0-4",
  everywhere: "M4 5h6v6H4zM14 13h6v6h-6zM14 5h6v4h-6zM4 15h6v4H4z",
  line: "M5 19 19 5M5 19h.01M19 5h.01",
  rectangle: "M4 6h16v12H4z",
  ellipse: "M12 6c5 0 8.500 2.600 8.500 6S17 18 12 18s-8.500-2.600-8.500-6S7 6 12 6z",
  polygon: "M12 4l8 6-3 9H7l-3-9zM12 4h.01M20 10h.01M17 19h.01M7 19h.01M4 10h.01",
  lasso: "M7 15.500C4.500 14.500 3 12.500 3 10.500 3 7 7 4.500 12 4.500s9 2.500 9 6-4 6-9 6c-1 0-2-.1-3-.3M7 15.500a2 2 0 1 1 2 1.500c0 2-1 3-3 4",
  eyedropper: "M13 7l4 4M15 5l1.500-1.500a2 2 0 0 1 3 0l1 1a2 2 0 0 1 0 3L19 9zM14 8l-9 9-1 3 3-1 9-9",
  repaint: "M4 18c5 0 4-5 8-5M12 13l6-8 2 2-6 8M5 7a4 4 0 0 1 6-3M11 2v3H8",
  swap: "M7 4 3.500 8 7 12M3.500 8H17M17 12l3.500 4L17 20M20.500 16H7",
  hand: "M8 12V6.500a1.500 1.500 0 0 1 3 0V11m0-1V5a1.500 1.500 0 0 1 3 0v6m0-4.500a1.500 1.500 0 0 1 3 0V13c0 5-2 7.500-5.500 7.500S7 19 4.500 14a1.500 1.500 0 0 1 2.500-1.500L8 14",
  rough: "M4 20c3 0 5-1 5-4a2.500 2.500 0 0 1 5 0M9.500 15.500 19 4M13 16l6.500-8.500M3 8l2-2 1 2 2-3 1 3 2-2",
  stamp: "M9 4h6l-1.500 8H19v4H5v-4h5.500zM5 20h14",
  scatter: "M6 11l3 5H3zM16 4l3 5h-6zM17 14l3.500 6h-7zM8 3l2 3.500H6z",
  "select-rectangle": "M4 8V5h3M10 5h4M17 5h3v3M20 11v3M20 17v2h-3M14 19h-4M7 19H4v-2M4 14v-3",
  "select-lasso": "M5 14c-3-3-2-8 3-9M11 4.500c2-.3 4 0 6 1M19.500 8c1.500 2 .5 5-1.500 6M15 15.500c-1.500.5-3 .5-4.500.300M8 15l-2 5M8 15a1.500 1.500 0 1 1 .01 0",
  "select-class": "M4 8V5h3M10 5h4M17 5h3v3M20 11v3M20 17v2h-3M14 19h-4M7 19H4v-2M4 14v-3M8 15l3-6 2.500 4 1.500-2 2 4z",
  "what-if": "M4 4h16v16H4zM10 10a2.200 2.200 0 1 1 3.300 1.900c-.8.5-1.300.9-1.300 2M12 17h.01",
  lapse: "M4 6h16v12H4zM10 9.500l5 2.500-5 2.500z",
  symmetry: "M12 3v3M12 9v2.500M12 14v2.500M12 19v2M9 5.500c-6 3-6 10 0 13M15 5.500c6 3 6 10 0 13",
  mirror: "M12 3v18M9 7l-6 10h6zM15 7l6 10h-6z",
  flip: "M3 12h18M7 9l10-6v6zM7 15l10 6v-6z",
  turn: "M6 8a7.500 7.500 0 1 1-1 7M6 3v5h5",
  undo: "M8 5 4 9l4 4M4 9h10a5.500 5.500 0 0 1 0 11H9",
  redo: "M16 5l4 4-4 4M20 9H10a5.500 5.500 0 0 0 0 11h5",
  new: "M6 3h8l5 5v13H6zM14 3v5h5M12.500 11.500v6M9.500 14.500h6",
  open: "M3 19V6h6l2 2.500h9V11M3 19l3-8h16l-3 8z",
  save: "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6",
  export: "M12 3v11M8 7l4-4 4 4M5 13v7h14v-7",
  theme: "M12 3.500a8.500 8.500 0 1 0 0 17zM12 3.500a8.500 8.500 0 0 1 0 17",
  fullscreen: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  pen: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  panel: "M4 5h16v14H4zM14.500 5v14",
  help: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500h.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  search: "M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13M15.500 15.500 20 20",
  star: "M12 3.500l2.600 5.500 6 .8-4.400 4.200 1.100 6L12 17.100 6.700 20l1.100-6-4.400-4.200 6-.8z",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  target: "M12 5a7 7 0 1 1 0 14 7 7 0 0 1 0-14M12 2v5M12 17v5M2 12h5M17 12h5",
  dice: "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM8.500 8.500h.01M15.500 8.500h.01M12 12h.01M8.500 15.500h.01M15.500 15.500h.01",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9h.01",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  merge: "M12 4v10M8 10l4 4 4-4M4 19h16",
  bin: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  eye: "M2.500 12C5 7.500 8 5.500 12 5.500s7 2 9.500 6.500c-2.500 4.500-5.500 6.500-9.500 6.500S5 16.500 2.500 12zM12 9.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5",
  hidden: "M4 4l16 16M9 6c1-.3 2-.5 3-.5 4 0 7 2 9.500 6.500-.7 1.300-1.500 2.400-2.400 3.300M6 8c-1.300 1-2.500 2.400-3.500 4 2.500 4.500 5.500 6.500 9.500 6.500 1.400 0 2.700-.3 3.900-.8",
  clear: "M4 20h16M6 16 16 6l3.500 3.500L11 18H8z",
  camera: "M4 8h4l1.500-3h5L16 8h4v11H4zM12 10a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7",
  pattern: "M4 4h16v16H4zM4 12 12 4M4 20 20 4M12 20l8-8",
  close: "M6 6l12 12M18 6 6 18",
};

const SVG = "http://www.w3.org/2000/svg";

/**
 * What is drawn for an icon.
 * @param {string} name
 */
export function pathOf(name) {
  if (!(name in PATHS)) throw new Error(`There is no icon ${name}.`);
  return PATHS[name];
}

/**
 * Build an icon.
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "glyph");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", pathOf(name));
  svg.append(path);
  return svg;
}

/**
 * Put its icon before the text of every element that names one.
 * @param {ParentNode} root
 */
export function fillIcons(root) {
  for (const element of root.querySelectorAll("[data-icon]")) {
    element.prepend(icon(element.getAttribute("data-icon") ?? ""));
    element.removeAttribute("data-icon");
  }
}
