// The shapes of the data that the modules hand each other. Nothing is executed here.

/**
 * @typedef {{id: number, name: string, color: [number, number, number], group: string}} LabelClass
 * @typedef {{name: string, void_id: number | null, classes: LabelClass[],
 *   file_values?: Record<string, number>}} LabelSpace
 * @typedef {{name: string, label_set: string, width: number, height: number, style_dim: number | null,
 *   capabilities: Capability[], stride: number, limits: {max_scale: number, max_layers: number, max_side: number,
 *   max_photo_pixels: number}}} Model stride: sides are best multiples of it
 * @typedef {"photos" | "photo-styles" | "photo-editing" | "class-styles" | "variations" | "interface"} Capability
 *   photos: they can be handed in; photo-editing: their classes are found, too
 * @typedef {{name: string, picture: string | null}} GalleryItem
 *
 * @typedef {Pick<WebSocket, "binaryType" | "readyState" | "onopen" | "onmessage" | "onclose" | "send" | "close">} Socket
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{x0: number, y0: number, x1: number, y1: number}} Rect half open: x0 <= x < x1
 * @typedef {{width: number, height: number}} Size in pixels
 * @typedef {[number, number, number, number]} Frame a part of a picture: left, top, width, height, in its pixels
 *
 * @typedef {{seed: number} | {name: string, variation?: number} | {vector: number[], variation?: number}} PlainStyle
 * @typedef {PlainStyle | {mix: [PlainStyle, PlainStyle], amount: number}} OneStyle
 * @typedef {OneStyle | {classes: Record<string, OneStyle>, rest: OneStyle}} StyleChoice classes: styles of their own,
 *   by the names of the classes
 * @typedef {{style: StyleChoice, photo?: string | null, feather?: number, everywhere?: boolean,
 *   repaint?: number[]}} Settings
 * @typedef {{name: string, vector: number[], thumbnail: string}} OwnStyle
 *
 * @typedef {{source: {file: Blob, labels: string, frame: Frame | null}, key: string, feather: number,
 *   everywhere: boolean, repaint?: number[]}} EditedPhoto
 *   a picture file, the class ids of its frame in base 64, and this frame (null: all of it), which all states of the
 *   edit share; the server's key for them, or nothing while it does not have them; in runs, where it is painted anew
 *   with the same classes
 * @typedef {{photo: EditedPhoto | null, style: StyleChoice, own: OwnStyle[], document: Document}} Scene
 *   what belongs to a drawing but lies beside its layers
 * @typedef {{name: string, saved: number | null}} Document what a drawing is called, and when the project of that
 *   name was saved or opened as this drawing (null: it is none). There is one object for each drawing; the steps of
 *   the history and the kept pictures refer to it, so that a name given later is theirs, too.
 *
 * @typedef {{name: string, visible: boolean, locked?: boolean, ids: string}} PackedLayer
 * @typedef {{format: 1, label_set: string, width: number, height: number, layers: PackedLayer[], active: number,
 *   settings: Settings, own_styles: OwnStyle[], photo: string | Blob, photo_labels: string,
 *   photo_frame?: Frame | null, picture?: string}} Project photo: a picture file, by the server in base 64
 */

export {};
