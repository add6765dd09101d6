/** Finds what JSON would drop or bend in silence, so that a record reads back as it was given or is refused. */

/** Where a value is lost, and how. */
export interface Loss {
  /** The place in the record, such as `tags[2].name`; empty for the record itself. */
  readonly place: string;
  readonly reason: string;
}

/** The first loss in a record; `undefined` when JSON holds all of it. A field that is `undefined` counts as absent. */
export function findLoss(record: unknown): Loss | undefined {
  if (!isPlainObject(record)) return { place: '', reason: 'a record must be a plain object' };
  return lossIn(record, '', []);
}

function lossIn(value: unknown, place: string, ancestors: readonly unknown[]): Loss | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return numberLoss(value, place);
  if (typeof value !== 'object') return { place, reason: `JSON has no ${typeof value}` };
  if (ancestors.includes(value)) return { place, reason: 'it contains itself' };
  if (Array.isArray(value)) return lossInItems(value, place, [...ancestors, value]);
  if (!isPlainObject(value)) {
    return { place, reason: `JSON has no ${value.constructor.name}; give what it stands for` };
  }
  if ('toJSON' in value) return { place, reason: 'its toJSON would write something else' };
  return lossInFields(value, place, [...ancestors, value]);
}

function numberLoss(value: number, place: string): Loss | undefined {
  if (Object.is(value, -0)) return { place, reason: 'JSON.stringify writes -0 as 0' };
  return Number.isFinite(value) ? undefined : { place, reason: `JSON has no ${value}` };
}

function lossInItems(
  items: readonly unknown[],
  place: string,
  ancestors: readonly unknown[],
): Loss | undefined {
  for (let index = 0; index < items.length; index += 1) {
    const loss = lossIn(items[index], `${place}[${index}]`, ancestors);
    if (loss) return loss;
  }
  return undefined;
}

function lossInFields(
  fields: object,
  place: string,
  ancestors: readonly unknown[],
): Loss | undefined {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const loss = lossIn(value, place === '' ? name : `${place}.${name}`, ancestors);
    if (loss) return loss;
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
