/** `holdfast/json`: places in a document and patches of it, as functions from values to values. */
export { applyJsonPatch, type JsonPatchOperation } from './json-patch.js';
export type { JsonObject, JsonPrimitive, JsonValue } from './json-value.js';
export { mergePatch } from './merge-patch.js';
export { parseJson } from './parse.js';
export { formatPointer } from '../document/plain-data.js';
export { deleteAt, getAt, parsePointer, setAt } from './pointer.js';
