/**
 * Begins the generation that a publish fills: a name that nobody has used, or with a job one that a
 * publish of the same job has left unfinished.
 *
 * Nobody can know whether that one is dead. So it is fenced off as a sweeper would do it: its claim
 * is taken over, and then the pointer is replaced by one that leads where it led. After that its
 * last request misses, or it finds that the claim is not its own. What it still sends is the same
 * as what this one sends.
 */
import { createHash } from 'node:crypto';
import { newCommitId } from '../document/nonce.js';
import { changeClaim, makeClaim, readClaim, type Claim, type Filler } from './claim.js';
import { listFiles, type PublishedFile } from './manifest.js';
import {
  claimsPrefix,
  filesPrefix,
  isGeneration,
  listAll,
  newGeneration,
  type DirectoryPlace,
} from './place.js';
import { changePointer, type Pointer } from './pointer.js';

/** A generation that this publish alone may publish. */
export interface BegunGeneration {
  readonly generation: string;
  readonly filler: Filler;
  /** What the store lists of it, by the paths, where another has begun it. */
  readonly there: ReadonlyMap<string, Omit<PublishedFile, 'sha256'>>;
}

/**
 * @param resume - names what is published
 * @param session - whose parts it is made of
 * @throws HoldfastError STORE_FAILED, CORRUPT_DOCUMENT, ABORTED
 */
export async function beginGeneration(
  place: DirectoryPlace,
  before: Pointer,
  resume: string | undefined,
  session: string | undefined,
): Promise<BegunGeneration> {
  const job = resume === undefined ? undefined : digestOf(resume);
  const filler = { by: newCommitId(), job };
  if (job !== undefined)
    for (const claim of await unfinished(place, before, job))
      if (await takeOver(place, claim, filler)) {
        const { generation } = claim;
        return {
          generation,
          filler,
          there: await listFiles(place, filesPrefix(place, generation)),
        };
      }
  const generation = newGeneration(session);
  await makeClaim(place, generation, filler);
  return { generation, filler, there: new Map() };
}

const JOB_DIGITS = 32;

/** A job as it stands in claims. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, JOB_DIGITS);
}

/** The claims of publishes of the job that have not ended, the latest first. */
async function unfinished(
  place: DirectoryPlace,
  { generation: named, previous }: Pointer,
  job: string,
): Promise<readonly Claim[]> {
  const prefix = claimsPrefix(place);
  const claims: Claim[] = [];
  for await (const { key } of listAll(place, prefix)) {
    const generation = key.slice(prefix.key.length).replace(/\.json$/, '');
    if (!isGeneration(generation) || generation === named || previous.includes(generation))
      continue;
    const claim = await readClaim(place, generation);
    if (claim?.filler?.job === job) claims.unshift(claim);
  }
  return claims;
}

/** Whether it may be filled, and published, by this publish alone now. */
async function takeOver(place: DirectoryPlace, claim: Claim, filler: Filler): Promise<boolean> {
  if (!(await changeClaim(place, claim, 'filling', filler))) return false;
  let isPublished = false;
  await changePointer(place, ({ generation, previous }) => {
    isPublished = [generation, ...previous].includes(claim.generation);
    return { generation, previous };
  });
  return !isPublished;
}
