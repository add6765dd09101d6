/**
 * Removes what nobody reads: generations that others have followed, and those whose publishers have
 * died. Nobody can know who lives; so all goes by age, and a publisher that is older than that is
 * fenced off before anything of it is removed.
 *
 * 1. read the pointer; then list the claims, with the time of the store: that of an object which is
 *    written for it
 * 2. judge each generation that the pointer does not name: one that was followed gets its age from
 *    when that was seen (`superseded`); what is old enough is condemned
 * 3. make the claims of the condemned `dead`
 * 4. fence: replace the pointer. Whoever had found its claim alive has read the pointer of before,
 *    and its request misses; what turns out to be named by then is spared
 * 5. remove the files, then the manifest, and make the claim `swept`
 * 6. of what has been swept for long enough, remove what a late request may have put there, and the
 *    claim
 *
 * Invariant: nothing of a generation is removed before it is certain that no pointer names it, nor
 * will. A sweep that dies is taken up by the next: the claims say how far it came.
 */
import { randomBytes } from 'node:crypto';
import { checkOptions, invalidArgument } from 'holdfast/options';
import { refuseConvicted } from '../probe/first-use.js';
import type { ListedObject } from '../store/object-store.js';
import { changeClaim, readClaim, type Claim } from './claim.js';
import {
  claimName,
  claimsPrefix,
  filesPrefix,
  insist,
  isGeneration,
  listAll,
  manifestName,
  placeOf,
  removeObject,
  type DirectoryPlace,
} from './place.js';
import { changePointer, readPointer, type Pointer } from './pointer.js';
import { directoryAccessNames, type DirectoryAccess } from './pointer-form.js';

/** What stays. */
export interface KeepOptions {
  /**
   * How old a generation is at least before it is removed, in milliseconds: since another followed
   * it, or since its publisher began. A day by default. Readers that have opened the directory read
   * the one that they have opened for as long as that; a publish takes less.
   */
  readonly keepForMs?: number | undefined;
  /** How many generations that were followed stay, whatever their age; 0 by default. */
  readonly keepPrevious?: number | undefined;
}

/** How a directory is swept. */
export interface SweepDirectoryOptions extends DirectoryAccess, KeepOptions {
  /**
   * Only tells what would be removed; then nothing is written but the object by which the store is
   * asked for its time. False by default.
   */
  readonly dryRun?: boolean | undefined;
}

/** What a sweep did. */
export interface SweptDirectory {
  /** The generations whose objects were removed. */
  readonly removed: readonly string[];
  /** Those that stay beside the one that is published: too young, or to be kept. */
  readonly kept: readonly string[];
}

const DAY_MS = 86_400_000;

/**
 * Removes the objects of generations of a published directory that nobody needs any more
 * ({@link KeepOptions}), and of those whose publishers have died. `publishDirectory` does so at its
 * end.
 *
 * After success they are gone. After a failure some are, and none that a reader could still be led
 * to by the pointer. A publisher that is at work for longer than `keepForMs` fails with
 * TARGET_CHANGED, whichever way its last request takes. Age is told by the clock of the store.
 *
 * Not promised: anything about uploads in parts that were never completed, which a store lists
 * apart: let a rule of the bucket end them (AbortIncompleteMultipartUpload).
 *
 * @param url - `s3://bucket/prefix`
 * @throws HoldfastError UNSUPPORTED_PLATFORM for a store that is found to lose updates;
 *   STORE_FAILED; CORRUPT_DOCUMENT for a prefix that holds something else;
 *   ABORTED; INVALID_ARGUMENT
 */
export async function sweepDirectory(
  url: string,
  options: SweepDirectoryOptions = {},
): Promise<SweptDirectory> {
  const names = [...directoryAccessNames, 'keepForMs', 'keepPrevious', 'dryRun'] as const;
  checkOptions('sweepDirectory', options, names);
  checkKeep('sweepDirectory', options);
  const place = placeOf('sweepDirectory', url, options);
  if (!options.dryRun) await refuseConvicted(place.store, place.pointer.name);
  return sweepAt(place, options);
}

/** @throws HoldfastError INVALID_ARGUMENT */
export function checkKeep(call: string, { keepForMs = 0, keepPrevious = 0 }: KeepOptions): void {
  if (typeof keepForMs !== 'number' || !(keepForMs >= 0))
    throw invalidArgument(call, 'keepForMs is a number of milliseconds, 0 or more');
  if (!Number.isSafeInteger(keepPrevious) || keepPrevious < 0)
    throw invalidArgument(call, 'keepPrevious is a whole number, 0 or more');
}

/** The same for a place. */
export async function sweepAt(
  place: DirectoryPlace,
  { keepForMs = DAY_MS, keepPrevious = 0, dryRun = false }: SweepDirectoryOptions,
): Promise<SweptDirectory> {
  const pointer = await readPointer(place);
  const { claims, nowMs } = await listClaims(place);
  const isOld = ({ modifiedMs }: Claim): boolean =>
    keepForMs === 0 || nowMs - modifiedMs >= keepForMs;
  const kept: string[] = [];
  const condemned: Claim[] = [];
  for (const claim of claims) {
    if (claim.generation === pointer.generation) continue;
    const verdict = await judge(place, claim, { pointer, isOld, keepPrevious, nowMs, dryRun });
    if (verdict === 'condemned') condemned.push(claim);
    else if (verdict === 'kept') kept.push(claim.generation);
  }
  if (dryRun) return { removed: condemned.map(({ generation }) => generation), kept };
  const removed = await fence(place, pointer, condemned);
  for (const generation of removed) {
    await removeFiles(place, generation);
    const claim = await readClaim(place, generation);
    if (claim?.state === 'dead') await changeClaim(place, claim, 'swept');
  }
  for (const claim of claims)
    if (claim.state === 'swept' && isOld(claim)) await forget(place, claim);
  return { removed, kept };
}

interface Circumstances {
  readonly pointer: Pointer;
  readonly isOld: (claim: Claim) => boolean;
  readonly keepPrevious: number;
  /** When it is, by the clock of the store. */
  readonly nowMs: number;
  readonly dryRun: boolean;
}

/** Steps 2 and 3. What somebody else changes meanwhile is that one's, or the next sweep's. */
async function judge(
  place: DirectoryPlace,
  claim: Claim,
  { pointer, isOld, keepPrevious, nowMs, dryRun }: Circumstances,
): Promise<'condemned' | 'kept' | 'gone'> {
  const { generation, state } = claim;
  if (state === 'swept') return 'gone';
  const rank = pointer.previous.indexOf(generation);
  let current: Claim | undefined = claim;
  if (rank !== -1 && state !== 'superseded') {
    // Its age as one that was followed begins now.
    if (!dryRun && !(await changeClaim(place, claim, 'superseded'))) return 'kept';
    current = dryRun ? { ...claim, modifiedMs: nowMs } : await readClaim(place, generation);
  }
  if (current === undefined) return 'gone';
  if (rank !== -1 && rank < keepPrevious) return 'kept';
  if (current.state === 'dead') return 'condemned';
  if (!isOld(current)) return 'kept';
  return dryRun || (await changeClaim(place, current, 'dead')) ? 'condemned' : 'kept';
}

/** Step 4. */
async function fence(
  place: DirectoryPlace,
  before: Pointer,
  condemned: readonly Claim[],
): Promise<readonly string[]> {
  if (condemned.length === 0) return [];
  const all = condemned.map(({ generation }) => generation);
  let removed: readonly string[] = [];
  await changePointer(place, ({ generation, previous }) => {
    // What was published after the pointer was read in step 1, and followed, begins its age anew.
    const isNew = (each: string): boolean =>
      previous.includes(each) && !before.previous.includes(each);
    removed = all.filter((each) => each !== generation && !isNew(each));
    return { generation, previous: previous.filter((each) => !removed.includes(each)) };
  });
  return removed;
}

/** Step 5. The manifest goes last, so that whoever reads it finds the files or none. */
async function removeFiles(place: DirectoryPlace, generation: string): Promise<void> {
  const { bucket } = place.root;
  const removeAll = async (keys: readonly string[]): Promise<void> => {
    await Promise.all(keys.map((key) => removeObject(place, { bucket, key })));
  };
  let keys: string[] = [];
  for await (const { key } of listAll(place, filesPrefix(place, generation))) {
    keys.push(key);
    if (keys.length < REMOVALS_AT_ONCE) continue;
    await removeAll(keys);
    keys = [];
  }
  await removeAll(keys);
  await removeObject(place, manifestName(place, generation));
}

const REMOVALS_AT_ONCE = 16;

/** Step 6. */
async function forget(place: DirectoryPlace, { generation }: Claim): Promise<void> {
  await removeFiles(place, generation);
  await removeObject(place, claimName(place, generation));
}

/** Step 1: the claims, and when it is by the clock of the store. */
async function listClaims(
  place: DirectoryPlace,
): Promise<{ readonly claims: readonly Claim[]; readonly nowMs: number }> {
  const prefix = claimsPrefix(place);
  const clock = { ...prefix, key: `${prefix.key}clock` };
  await insist(place, { step: 'sweep', name: clock }, (signal) =>
    place.store.put(clock, randomBytes(8), { signal }),
  );
  const claims: Claim[] = [];
  let nowMs = 0;
  for await (const { key, modifiedMs = 0 } of listAll(
    place,
    prefix,
  ) as AsyncIterable<ListedObject>) {
    nowMs = Math.max(nowMs, modifiedMs);
    const generation = key.slice(prefix.key.length).replace(/\.json$/, '');
    const claim = isGeneration(generation) ? await readClaim(place, generation) : undefined;
    if (claim !== undefined) claims.push(claim);
  }
  return { claims, nowMs };
}
