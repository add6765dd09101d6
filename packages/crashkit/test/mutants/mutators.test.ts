import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutantsOf } from '#src/mutants/mutators.js';
import { mutable } from '#src/report/mutants.js';

const source = `
async function save(file, fs, lock, piece) {
    const taken = await file.write(piece, 0);
    if (taken === piece.length)
        return;
    if (taken !== piece.length) {
        throw new Error('short');
    }
    // await file.sync() is only spoken of
    await lock.assertHeld();
    await this.#log.file.sync();
    await fs.rename('a', 'b');
    await syncDirectory(fs, '.');
    await file.truncate(0);
    return handle.tryLock('exclusive') && (await isCommitPending(fs, file.path));
}
`;

test('each thing that keeps data safe is taken out alone, and what is only spoken of is not', () => {
  const kinds = mutantsOf('save.js', source).map(({ kind }) => kind);
  assert.deepEqual(kinds.toSorted(), [
    'call of a sync',
    'count check',
    'count check',
    'fsync',
    'lock',
    'lock still held',
    'order',
    'order',
    'pending commit',
    'repair',
  ]);
});

test('a mutant differs from the source in one place', () => {
  for (const { name, source: mutated } of mutantsOf('save.js', source)) {
    const before = source.split('\n');
    const changed = mutated.split('\n').filter((line, index) => line !== before[index]);
    assert.ok(changed.length >= 1 && changed.length <= 2, `${name}: ${changed.join(' / ')}`);
  }
});

test('the real system calls are not mutated, since no model runs them', () => {
  const [core] = mutable;
  assert.equal(core.files.test('os/node-fs.js'), false);
  assert.equal(core.files.test('stage/staged-file.js'), true);
});
