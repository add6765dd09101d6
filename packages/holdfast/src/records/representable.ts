/** Finds what JSON would drop or bend in silence, so that a record reads back as it was given or is refused. */

/** How deep a record may nest, as deep as a JSON document; what contains itself nests without end. */
const MAX_DEPTH = 1000;

/** Where a value is lost, and how. */
export interface Loss {
  /** The place in the record, such as `tags[2].name`; empty for the record itself. */
  readonly place: string;
  readonly reason: string;
}

/** The first loss in a record; `undefined` when JSON holds all of it. A field that is `undefined` counts as absent. */
export function findLoss(record: unknown): Loss | undefined {
  if (!isPlainObject(record)) return { place: '', reason: 'a record must be a plain object' };
  const loss = lossIn(record, 0);
  return loss && { ...loss, place: loss.place.replace(/^\./, '') };
}

/** The place is put together on the way back, so that a record without a loss costs no strings. */
function lossIn(value: unknown, depth: number): Loss | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return numberLoss(value);
  if (typeof value !== 'object') return lossHere(`JSON has no ${typeof value}`);
  if (depth >= MAX_DEPTH) {
    return lossHere(`it nests deeper than ${MAX_DEPTH} levels, or contains itself`);
  }
  return Array.isArray(value) ? lossInItems(value, depth + 1) : lossInObject(value, depth + 1);
}

function lossHere(reason: string): Loss {
  return { place: '', reason };
}

function numberLoss(value: number): Loss | undefined {
  if (Object.is(value, -0)) return lossHere('JSON.stringify writes -0 as 0');
  return Number.isFinite(value) ? undefined : lossHere(`JSON has no ${value}`);
}

function lossInItems(items: readonly unknown[], depth: number): Loss | undefined {
  for (let index = 0; index < items.length; index += 1) {
    const loss = lossIn(items[index], depth);
    if (loss) return { ...loss, place: `[${index}]${loss.place}` };
  }
  return undefined;
}

function lossInObject(object: object, depth: number): Loss | undefined {
  if (!isPlainObject(object)) {
    return lossHere(`JSON has no ${object.constructor.name}; give what it stands for`);
  }
  if ('toJSON' in object) return lossHere('its toJSON would write something else');
  if (Object.getOwnPropertySymbols(object).length > 0) {
    return lossHere('JSON has no place for a field that is named by a symbol');
  }
  for (const name of Object.keys(object)) {
    const value = object[name];
    const loss = value === undefined ? undefined : lossIn(value, depth);
    if (loss) return { ...loss, place: `.${name}${loss.place}` };
  }
  return undefined;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isForeignObject(prototype);
}

/** `Object.prototype` of another realm (node:vm, test runners): the one prototype without a prototype. */
function isForeignObject(prototype: unknown): boolean {
  return (
    Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
  );
}
