// The stamps: things as shapes of classes. The foot stands at 0, 0; upwards, the top is at -100.

/**
 * @typedef {{classes: string[], path: string, extra?: boolean}} Part of a stamp. The first of the classes that the
 *   label set has is painted; without any of them there is no such stamp, or no such part where that is an extra.
 * @typedef {{name: string, parts: Part[]}} Stamp
 */

const TREE = ["tree", "vegetation", "plant-other", "plant"], HOUSE = ["house", "building", "building-other"];
const DOOR = ["door", "door-stuff"], WINDOW = ["window", "windowpane", "window-other"];
const BUSH = ["bush", "plant", "vegmisc", "vegetation", "tree"], BOAT = ["boat", "ship"];
const WATER = ["lake", "sea", "river", "water", "water-other"], ROCK = ["rock", "stone", "mountain"];

/** @type {Stamp[]} */
export const STAMPS = [
  { name: "Pine", parts: [{ classes: TREE, path: "M 0 -100 L 13 -72 L 7 -74 L 21 -45 L 12 -47 L 30 -12 L 5 -15 L 5 0 L -5 0 L -5 -15 L -30 -12 L -12 -47 L -21 -45 L -7 -74 L -13 -72 Z" }] },
  { name: "Oak", parts: [{ classes: TREE, path: "M -7 0 L -4 -30 C -30 -22 -50 -38 -41 -56 C -54 -72 -34 -94 -16 -88 C -6 -104 22 -102 26 -88 C 46 -90 54 -66 41 -56 C 50 -38 30 -22 5 -30 L 8 0 Z" }] },
  { name: "Poplar", parts: [{ classes: TREE, path: "M -3 0 L -3 -10 C -22 -18 -16 -82 0 -100 C 16 -82 22 -18 3 -10 L 3 0 Z" }] },
  { name: "Palm", parts: [{ classes: ["palm", ...TREE], path: "M -4 0 C -2 -30 2 -50 6 -68 C -10 -64 -24 -58 -32 -46 C -32 -64 -18 -76 2 -76 C -8 -86 -22 -88 -30 -84 C -20 -98 0 -100 8 -82 C 14 -98 32 -100 42 -90 C 30 -90 20 -86 14 -78 C 32 -80 44 -66 44 -50 C 36 -60 24 -66 13 -68 C 9 -48 5 -28 5 0 Z" }] },
  { name: "Bush", parts: [{ classes: BUSH, path: "M -48 0 C -58 -24 -38 -46 -22 -40 C -16 -64 14 -64 20 -42 C 38 -48 58 -22 48 0 Z" }] },
  { name: "House", parts: [
    { classes: HOUSE, path: "M -40 0 L -40 -48 L -52 -48 L 0 -96 L 16 -81 L 16 -98 L 27 -98 L 27 -71 L 52 -48 L 40 -48 L 40 0 Z" },
    { classes: DOOR, path: "M -8 0 L -8 -32 L 8 -32 L 8 0 Z", extra: true },
    { classes: WINDOW, path: "M -31 -20 L -31 -40 L -16 -40 L -16 -20 Z M 16 -20 L 16 -40 L 31 -40 L 31 -20 Z M -7 -56 L -7 -70 L 7 -70 L 7 -56 Z", extra: true },
  ] },
  { name: "Church", parts: [
    { classes: HOUSE, path: "M -30 0 L -30 -62 L -17 -100 L -4 -62 L -4 -46 L 30 -46 L 42 -28 L 42 0 Z" },
    { classes: DOOR, path: "M -22 0 L -22 -16 C -22 -24 -12 -24 -12 -16 L -12 0 Z", extra: true },
    { classes: WINDOW, path: "M -20 -44 L -20 -56 L -14 -56 L -14 -44 Z M 6 -10 L 6 -28 L 14 -28 L 14 -10 Z M 24 -10 L 24 -26 L 32 -26 L 32 -10 Z", extra: true },
  ] },
  { name: "Bridge", parts: [{ classes: ["bridge"], path: "M -100 -62 L 100 -62 L 100 0 L 84 0 C 84 -56 12 -56 12 0 L -12 0 C -12 -56 -84 -56 -84 0 L -100 0 Z" }] },
  { name: "Boat", parts: [{ classes: BOAT, path: "M -50 -26 C -20 -16 20 -16 50 -28 C 48 -10 36 0 26 0 L -28 0 C -38 -2 -46 -12 -50 -26 Z" }] },
  { name: "Sailing boat", parts: [{ classes: BOAT, path: "M -34 -12 L 38 -14 C 36 -4 28 0 22 0 L -22 0 C -28 -2 -32 -6 -34 -12 Z M 2 -16 L 2 -100 C 28 -72 36 -44 36 -18 Z M -3 -16 L -3 -86 C -18 -60 -28 -38 -29 -16 Z" }] },
  { name: "Island", parts: [
    { classes: ["sand", "land", "ground-other", ...ROCK], path: "M -100 0 C -70 -16 -40 -26 0 -26 C 44 -26 76 -14 100 0 Z" },
    { classes: TREE, path: "M -34 -23 C -58 -44 -40 -66 -24 -62 C -20 -96 22 -98 26 -68 C 50 -72 58 -40 36 -23 Z", extra: true },
  ] },
  { name: "Rock", parts: [{ classes: ROCK, path: "M -50 0 L -44 -30 L -24 -58 L 2 -66 L 20 -48 L 40 -38 L 52 0 Z" }] },
  { name: "Mountain", parts: [{ classes: ["mountain", "hill"], path: "M -110 0 L -84 -22 L -66 -30 L -40 -62 L -26 -70 L -4 -100 L 12 -82 L 22 -78 L 46 -46 L 62 -38 L 84 -14 L 112 0 Z" }] },
  { name: "Lake", parts: [{ classes: WATER, path: "M -100 -14 C -90 -32 -30 -38 10 -34 C 60 -34 116 -24 92 -12 C 60 2 -84 4 -100 -14 Z" }] },
  { name: "Cloud", parts: [{ classes: ["clouds", "cloud"], path: "M -70 0 C -96 -18 -66 -48 -44 -38 C -36 -74 14 -78 24 -46 C 52 -58 92 -22 68 0 Z" }] },
  { name: "Sun", parts: [{ classes: ["sun"], path: "M 0 -100 C 28 -100 50 -78 50 -50 C 50 -22 28 0 0 0 C -28 0 -50 -22 -50 -50 C -50 -78 -28 -100 0 -100 Z" }] },
  { name: "Moon", parts: [{ classes: ["moon"], path: "M 12 -100 C -26 -98 -48 -74 -46 -46 C -44 -16 -16 4 16 -2 C -8 -14 -20 -32 -18 -54 C -16 -76 -6 -90 12 -100 Z" }] },
  { name: "Bird", parts: [{ classes: ["bird"], path: "M -60 -46 C -36 -72 -10 -60 0 -34 C 10 -60 36 -72 60 -46 C 34 -54 16 -34 6 -8 L -6 -8 C -16 -34 -34 -54 -60 -46 Z" }] },
  { name: "Cow", parts: [{ classes: ["cow", "animal"], path: "M -62 -84 L -50 -96 L -38 -88 C -10 -94 30 -94 56 -86 C 66 -78 66 -62 60 -48 L 58 0 L 46 0 L 44 -36 L -8 -34 L -10 0 L -22 0 L -26 -44 C -36 -52 -42 -58 -44 -66 L -62 -66 C -70 -70 -70 -80 -62 -84 Z" }] },
  { name: "Person", parts: [{ classes: ["person", "pedestrian"], path: "M 0 -100 C 12 -100 12 -80 5 -79 L 15 -74 L 18 -40 L 11 -40 L 10 0 L 1 0 L 0 -36 L -1 0 L -10 0 L -11 -40 L -18 -40 L -15 -74 L -5 -79 C -12 -80 -12 -100 0 -100 Z" }] },
  { name: "Car", parts: [{ classes: ["car"], path: "M -92 -16 C -96 -44 -80 -48 -56 -50 C -40 -74 -26 -78 4 -78 C 34 -78 42 -70 58 -50 C 84 -48 94 -40 92 -16 L 72 -14 C 70 4 42 4 40 -14 L -40 -14 C -42 4 -70 4 -72 -14 Z" }] },
  { name: "Street light", parts: [{ classes: ["streetlight", "pole", "column_pole", "light"], path: "M -3 0 L -2 -96 L 22 -100 L 22 -94 L 3 -90 L 4 0 Z" }] },
  { name: "Fence", parts: [{ classes: ["fence"], path: "M -100 -18 L 100 -18 L 100 -28 L -100 -28 Z M -100 -42 L 100 -42 L 100 -52 L -100 -52 Z M -92 0 L -92 -64 L -82 -64 L -82 0 Z M -5 0 L -5 -64 L 5 -64 L 5 0 Z M 82 0 L 82 -64 L 92 -64 L 92 0 Z" }] },
  { name: "Window", parts: [{ classes: WINDOW, path: "M -32 0 L -32 -100 L 32 -100 L 32 0 Z" }] },
  { name: "Door", parts: [{ classes: DOOR, path: "M -24 0 L -24 -100 L 24 -100 L 24 0 Z" }] },
];

/**
 * The stamps that a label set has, with the class id of each part.
 * @param {{id: number, name: string}[]} classes
 * @returns {{name: string, parts: {id: number, path: string}[]}[]}
 */
export function stampsOf(classes) {
  const ids = new Map(classes.map(({ id, name }) => [name.toLowerCase(), id]));
  return STAMPS.flatMap(({ name, parts }) => {
    const known = parts.map(({ path, classes: wanted, extra }) => {
      const found = wanted.find((word) => ids.has(word));
      return { path, extra, id: ids.get(found ?? "") };
    });
    if (known.some(({ id, extra }) => id === undefined && !extra)) return [];
    return [{ name, parts: known.flatMap(({ id, path }) => (id === undefined ? [] : [{ id, path }])) }];
  });
}
