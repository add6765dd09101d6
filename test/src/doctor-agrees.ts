/**
 * Holds what doctor says against what a probe that knows nothing of Holdfast has found
 * (test/python/filesystem-probe.py).
 */
import assert from 'node:assert/strict';

type Found = Readonly<Record<string, unknown>>;

/** Where doctor's verdict rests on trials, and what must then have been found. */
const trials: Readonly<Record<string, (found: Found) => boolean>> = {
  'writers of all processes take turns': ({ lock }) => lock === true,
  'a file is replaced whole': ({ readersSeeWhole, renameOverOpen }) =>
    readersSeeWhole === true && renameOverOpen === true,
  'a new file replaces none': ({ noReplace, link }) => noReplace === true || link === true,
  'a new directory is published whole': ({ directoryOntoEmpty, refusesFull, directoryLock }) =>
    directoryOntoEmpty === true && refusesFull === true && directoryLock === true,
  'a directory is replaced whole': ({ exchange, directoryLock }) =>
    exchange === true && directoryLock === true,
  'attributes and ACLs are kept': ({ attributes }) => attributes === true,
  'a secret is kept from others': ({ mode }) => mode === true,
};

/** A rename that loses a name is seen by chance: one of the two may have seen it, the other not. */
const BY_CHANCE = 'a file is replaced whole';

/** Throws where the two differ. */
export function doctorAgrees(said: Readonly<Record<string, string>>, found: Found): void {
  const told = JSON.stringify(found);
  for (const [name, holds] of Object.entries(trials)) {
    const verdict = said[name];
    if (name === BY_CHANCE) {
      assert.ok(verdict !== 'yes' || holds(found), `${name}: doctor says yes, the probe ${told}`);
    } else {
      assert.equal(verdict !== 'no', holds(found), `${name}: ${verdict}, the probe ${told}`);
    }
  }
  const turns = said['writers of all processes take turns'];
  if (found['lockElsewhere'] === false)
    assert.notEqual(turns, 'yes', `another mount is not excluded: ${told}`);
  const power = said['what is acknowledged survives power loss'];
  if (found['directorySync'] !== true) assert.equal(power, 'no', `no sync of directories: ${told}`);
}
