/** The pointer of a directory: which generation is read, and which were before it. */
import { Buffer } from 'node:buffer';
import { HoldfastError } from 'holdfast';
import { readObject } from '../document/commit-object.js';
import { withoutNonce } from '../document/nonce.js';
import { urlOf } from '../s3-url.js';
import { isGeneration, pointerFormat, pointerName, type DirectoryPlace } from './place.js';

export interface Pointer {
  /** `null` before the first one is published. */
  readonly generation: string | null;
  /** Those that were published before and are not removed yet, the latest first. */
  readonly previous: readonly string[];
  /** One more with each change, so that no two pointers are the same. */
  readonly revision: number;
}

const nothing: Pointer = { generation: null, previous: [], revision: 0 };

/**
 * What readers of the directory are told.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT for an object that is no pointer; STORE_FAILED
 */
export async function readPointer(place: DirectoryPlace): Promise<Pointer> {
  const { store, timing, timeoutMs, signal } = place;
  const name = pointerName(place);
  const found = await readObject({ store, name, timing }, timing.now() + timeoutMs, signal);
  if (found === undefined) return nothing;
  const { content } = withoutNonce(pointerFormat.nonce, Buffer.from(found.body));
  const document = pointerFormat.syntax.open(urlOf(name), content, {});
  return checked(place, document.takeValue({}));
}

/**
 * Replaces the pointer by what `next` makes of it, which may be called several times, each time
 * with what is there then.
 */
export async function changePointer(
  place: DirectoryPlace,
  next: (pointer: Pointer) => Omit<Pointer, 'revision'> | Promise<Omit<Pointer, 'revision'>>,
): Promise<Pointer> {
  const changed = await place.update(pointerName(place), async (value: unknown) => {
    const pointer = checked(place, value);
    const { generation, previous } = await next(pointer);
    return { generation, previous, revision: pointer.revision + 1 };
  });
  return changed as Pointer;
}

function checked(place: DirectoryPlace, value: unknown): Pointer {
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    return nothing;
  const { generation, previous, revision } = (value ?? {}) as Partial<Pointer>;
  const isPointer =
    (generation === null || isGeneration(generation)) &&
    Array.isArray(previous) &&
    previous.every(isGeneration) &&
    Number.isSafeInteger(revision);
  if (isPointer) return { generation, previous, revision: revision as number };
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message:
      'The object is no pointer of a directory that Holdfast publishes. Name another prefix, or move the object away.',
    step: 'read',
    path: urlOf(pointerName(place)),
  });
}
