/**
 * The names of staged files. Anyone who finds a `.holdfast-<id>.tmp` can tell what it is: a file that was never
 * published. Ids cannot be guessed, so nobody can lay a trap at a name to come. (Staged directories: staged-directory.ts.)
 */
import { crypto } from '../os/lazy-modules.js';

const ID_BYTES = 10;
/** How many characters an id has. */
export const ID_LENGTH: number = ID_BYTES * 2;
const ID = `[0-9a-f]{${ID_LENGTH}}`;
/** One call for random bytes costs as much as drawing a thousand of them. */
const SUPPLY_BYTES = ID_BYTES * 100;
const temporaryFile = new RegExp(`^\\.holdfast-${ID}\\.tmp$`);

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

/** Its length does not depend on the target's name, so names at the limit work. */
export function newTemporaryName(): string {
  return `.holdfast-${newId()}.tmp`;
}

export function isTemporaryName(name: string): boolean {
  return temporaryFile.test(name);
}
