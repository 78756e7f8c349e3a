// What site.json holds. Nothing is executed here.

/**
 * @typedef {{version: string, model: import("../types.js").Model, labels: import("../types.js").LabelSpace,
 *   styles: (import("../types.js").GalleryItem & {vector: number[]})[], examples: import("../types.js").GalleryItem[],
 *   noise_period: number, class_styles: boolean, module: string, weights: {file: string, bytes: number}}} Site
 *   noise_period: noise offsets are below it; addresses are beside that of site.json
 */

export {};
