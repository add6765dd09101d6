/**
 * Parts, and their commit, on a disk that is full: with ever more room left, until they come to
 * their end.
 */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountFilesystem } from '@holdfast/tools/testing';
import { beginParts, isHoldfastError, joinParts, mayTryPartAgain, type Outcome } from 'holdfast';

const BLOCK_BYTES = 4096;

/** Leaves so many blocks of a filesystem, and gives the rest back at the end. */
function leave(mount: string, blocks: number): { readonly end: () => void } {
  const kept = Array.from({ length: blocks }, (_, index) => join(mount, `kept-${index}`));
  for (const path of kept) fill(path, BLOCK_BYTES);
  const filler = join(mount, 'filler');
  fill(filler, Infinity);
  for (const path of kept) rmSync(path, { force: true });
  return { end: () => rmSync(filler) };
}

/** Writes a file of so many bytes, or of as many as there are. */
function fill(path: string, sizeBytes: number): void {
  const file = openSync(path, 'wx');
  try {
    const block = Buffer.alloc(BLOCK_BYTES, 'x');
    for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) writeSync(file, block);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(file);
  }
}

/** Tries with more and more room until it goes well; how often the disk was full before. */
async function untilItFits(
  mount: string,
  work: () => Promise<unknown>,
  afterFailure: (outcome: Outcome) => Promise<void>,
): Promise<number> {
  for (let blocks = 0; ; blocks += 1) {
    const disk = leave(mount, blocks);
    try {
      await work();
      return blocks;
    } catch (error) {
      assert.ok(isHoldfastError(error, 'NO_SPACE') && mayTryPartAgain(error), String(error));
      await afterFailure(error.outcome);
    } finally {
      disk.end();
    }
  }
}

for (const [type, sizeMb] of [
  ['tmpfs', 1],
  ['ext4', 4],
] as const) {
  test(`${type}: a part and a commit that find the disk full leave nothing, and go well with more room`, async (t) => {
    const mount = mountFilesystem(t, type, { sizeMb });
    const path = join(mount, 'out');
    // Names so long that the directories of the commit need blocks of their own.
    const names = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(200, 'n'));
    const { id } = await beginParts(path, { partCount: 1 });
    const attempts = join(mount, `.out.session-${id}`, 'attempts');
    const session = await joinParts(path, id);
    const write = () =>
      session.writePart(0, async (stage) => {
        for (const name of names) await stage.write(name, name);
      });
    const failedWrites = await untilItFits(mount, write, async (outcome) => {
      assert.equal(outcome, 'unchanged');
      assert.deepEqual(readdirSync(attempts), []);
      assert.deepEqual((await session.progress()).done, []);
    });
    assert.ok(failedWrites > 0);
    const outcomes = new Set<Outcome>();
    const commit = () => session.commit();
    const failedCommits = await untilItFits(mount, commit, async (outcome) => {
      outcomes.add(outcome);
      if (outcome === 'committed') {
        // All but the note that says so.
        assert.deepEqual(readdirSync(path), names.toSorted());
        return;
      }
      assert.equal(outcome, 'unchanged');
      assert.equal(existsSync(path), false);
      const { state, done } = await session.progress();
      assert.deepEqual({ state, done }, { state: 'open', done: [0] });
    });
    assert.ok(failedCommits > 0);
    // On a tmpfs names take no room: there it can only be missing for the note.
    assert.ok(outcomes.has(type === 'tmpfs' ? 'committed' : 'unchanged'));
    assert.deepEqual(readdirSync(path), names.toSorted());
    const left = readdirSync(mount).filter((name) => /staging|session-|tmp/u.test(name));
    assert.deepEqual(left, []);
  });
}
