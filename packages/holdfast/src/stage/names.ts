/**
 * The names of staged files. Anyone who finds a `.holdfast-<id>.tmp` can tell what it is: a file
 * that was never published. Ids cannot be guessed, so nobody can lay a trap at a name to come.
 * (Staged directories: staged-directory.ts.)
 */
import { crypto } from '../os/lazy-modules.js';

const ID_BYTES = 10;
/** How many characters an id has. */
export const ID_LENGTH: number = ID_BYTES * 2;
const ID = `[0-9a-f]{${ID_LENGTH}}`;
const MARK_LENGTH = 16;
/** One call for random bytes costs as much as drawing a thousand of them. */
const SUPPLY_BYTES = ID_BYTES * 100;
const MARK = '[0-9a-f]{16}';
const temporaryFile = new RegExp(`^\\.holdfast-${ID}(?:-(${MARK}))?\\.tmp$`);

const supply = Buffer.alloc(SUPPLY_BYTES);
let usedBytes = SUPPLY_BYTES;

/** 80 random bits in lower-case hexadecimal. */
export function newId(): string {
  if (usedBytes === SUPPLY_BYTES) {
    crypto().randomFillSync(supply);
    usedBytes = 0;
  }
  usedBytes += ID_BYTES;
  return supply.toString('hex', usedBytes - ID_BYTES, usedBytes);
}

/**
 * Its length does not depend on the target's name, so names at the limit work.
 *
 * @param targetName - of the file that it is to replace, where the name is to tell (only-copy.ts)
 */
export function newTemporaryName(targetName?: string): string {
  const mark = targetName === undefined ? '' : `-${markOf(targetName)}`;
  return `.holdfast-${newId()}${mark}.tmp`;
}

/**
 * The mark of a name: 64 bits of a digest, the same for every letter case, since FAT and SMB take
 * them for one.
 */
export function markOf(name: string): string {
  const folded = name.normalize('NFC').toLowerCase();
  return crypto().createHash('sha256').update(folded).digest('hex').slice(0, MARK_LENGTH);
}

/** The mark of the target in a temporary name, if it is one that has a mark. */
export function targetMarkOf(name: string): string | undefined {
  return temporaryFile.exec(name)?.[1];
}

export function isTemporaryName(name: string): boolean {
  return temporaryFile.test(name);
}
