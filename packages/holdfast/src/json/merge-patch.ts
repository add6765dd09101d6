/**
 * JSON Merge Patch (RFC 7396): an object that looks like the document, with null where a member
 * should go.
 */
import {
  isJsonObject,
  ownMember,
  setMember,
  type JsonObject,
  type JsonValue,
} from './json-value.js';

/**
 * The document after the patch. Neither argument is changed; the result shares with both what was
 * not touched. A null in the patch removes the member, so a merge patch cannot write a null; a JSON
 * patch can.
 */
export function mergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const result: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setMember(result, key, mergePatch(ownMember(result, key), value));
  }
  return result;
}
