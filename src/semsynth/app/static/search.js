// Finding a class by what somebody calls it: its name, its heading, or another word for it.

/** @typedef {import("./types.js").LabelClass} LabelClass */

/** Other words, and the classes they may mean: those of these that the label set has. @type {Record<string, string>} */
const MEANS = {
  lake: "river sea water", pond: "river sea lake water", ocean: "sea water", stream: "river water", wave: "sea water",
  beach: "sand", coast: "sand sea", dune: "desert sand", shore: "sand sea",
  snow: "mountain hill", ice: "mountain sea", glacier: "mountain", hill: "mountain", peak: "mountain", cliff: "rock mountain",
  stone: "rock", boulder: "rock", earth: "ground land field dirt", ground: "field earth land sand terrain", soil: "field earth dirt",
  cloud: "sky", air: "sky", heaven: "sky", sunset: "sun sky", sunrise: "sun sky", night: "moon sky", star: "moon sky",
  forest: "tree vegetation", wood: "tree vegetation", pine: "tree", fir: "tree", oak: "tree", palm: "tree", bush: "plant vegetation",
  flower: "plant", shrub: "plant vegetation", hedge: "plant vegetation", meadow: "field grass", lawn: "grass", crop: "field",
  house: "building", home: "house building", hut: "building", cottage: "building", skyscraper: "building", tower: "building",
  castle: "building", church: "building", wall: "building fence", roof: "building awning", facade: "building", city: "building",
  gate: "door fence", stairs: "staircase stairway", step: "staircase stairs", lamp: "streetlight light", lantern: "streetlight",
  street: "road", path: "road sidewalk", way: "road", highway: "road", pavement: "sidewalk", walk: "sidewalk", crossing: "crosswalk",
  ship: "boat", sail: "boat", vehicle: "car bus truck", truck: "car bus", van: "car bus", auto: "car", coach: "bus",
  man: "person", woman: "person", people: "person", human: "person", child: "person", pedestrian: "person",
  animal: "cow bird dog horse sheep", cattle: "cow", horse: "cow", sheep: "cow", gull: "bird", duck: "bird", eagle: "bird",
  post: "pole", mast: "pole", column: "pole", board: "sign signboard", glass: "window", pane: "window windowpane",
};

/**
 * The classes that somebody may mean, the likeliest first: all of them where nothing was typed.
 * @param {LabelClass[]} classes
 * @param {string} text
 * @returns {LabelClass[]}
 */
export function findClasses(classes, text) {
  const typed = text.trim().toLowerCase();
  if (!typed) return classes;
  const words = typed.length > 3 ? [typed, typed.replace(/e?s$/, ""), typed.replace(/s$/, "")] : [typed];
  return classes
    .map((entry) => ({ entry, rank: Math.min(...words.map((word) => rankOf(entry, word))) }))
    .filter(({ rank }) => rank < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry);
}

/**
 * @param {LabelClass} entry
 * @param {string} word
 * @returns {number} the smaller, the likelier is the class meant; Infinity where it is not
 */
function rankOf({ name, group }, word) {
  const named = name.toLowerCase(), parts = named.split(/[^\p{L}\p{N}]+/u);
  if (named === word) return 0;
  if (named.startsWith(word)) return 1;
  if (parts.some((part) => part.startsWith(word))) return 2;
  if (named.includes(word)) return 3;
  const means = Object.keys(MEANS).filter((key) => key === word || (word.length > 2 && key.startsWith(word)));
  if (means.some((key) => MEANS[key].split(" ").some((meant) => parts.includes(meant)))) return 4;
  return group.toLowerCase().startsWith(word) ? 5 : Infinity;
}
