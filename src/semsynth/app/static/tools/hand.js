/** @type {import("./tool.js").Tool} */
export const hand = {
  id: "hand",
  label: "Hand",
  key: "h",
  hint: "Move the view. Space does so with any tool.",
  pans: true,
  down() {},
};
