/** The pointer of a directory: which generation is read, and which were before it. */
import { Buffer } from 'node:buffer';
import { HoldfastError } from 'holdfast';
import { readObject } from '../document/commit-object.js';
import { withoutNonce } from '../document/nonce.js';
import { urlOf } from '../s3-url.js';
import { isGeneration, type DirectoryPlace } from './place.js';
import type { PointerFacts } from './pointer-form.js';

export interface Pointer extends PointerFacts {
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
  const { name, format, factsIn } = place.pointer;
  const found = await readObject({ store, name, timing }, timing.now() + timeoutMs, signal);
  if (found === undefined) return nothing;
  const { content } = withoutNonce(format.nonce, Buffer.from(found.body));
  const document = format.syntax.open(urlOf(name), content, {});
  return checked(place, factsIn(document.takeValue({})));
}

/**
 * Replaces the pointer by what `next` makes of it, which may be called several times, each time
 * with what is there then.
 *
 * @param index - the text of an index; that which is there by default
 */
export async function changePointer(
  place: DirectoryPlace,
  next: (pointer: Pointer) => Omit<Pointer, 'revision'> | Promise<Omit<Pointer, 'revision'>>,
  index?: string,
): Promise<void> {
  const { name, factsIn, withFacts } = place.pointer;
  await place.update(name, async (value: unknown) => {
    const pointer = checked(place, factsIn(value));
    const { generation, previous } = await next(pointer);
    return withFacts(index ?? value, { generation, previous, revision: pointer.revision + 1 });
  });
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
    path: urlOf(place.pointer.name),
  });
}
