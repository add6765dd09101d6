/** Lock files that belong to someone else. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock } from 'holdfast';

const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const takeIt = `
  import { acquireLock } from 'holdfast';
  await acquireLock(process.argv[1], { timeoutMs: Number(process.argv[2]) }).then(
    () => console.log('held'),
    ({ code }) => console.log(code),
  );
  process.stdin.resume();`;

for (const [where, mode] of [
  ['a directory of its owner', 0o755],
  ['a sticky directory, like /tmp', 0o1777],
] as const) {
  test(`another user's read-only lock file in ${where} can be locked, and excludes`, async (t) => {
    const directory = temporaryDirectory(t);
    chmodSync(directory, mode);
    writeFileSync(`${directory}/a.lock`, '');
    chmodSync(`${directory}/a.lock`, 0o644);
    const mine = await acquireLock(`${directory}/a`);
    const late = startScript(t, takeIt, [`${directory}/a`, '50'], asNobody);
    assert.equal(await late.nextLine(), 'LOCK_TIMEOUT');
    await mine.release();
    const theirs = startScript(t, takeIt, [`${directory}/a`, '5000'], asNobody);
    assert.equal(await theirs.nextLine(), 'held');
    await assert.rejects(acquireLock(`${directory}/a`, { timeoutMs: 0 }), { code: 'LOCK_TIMEOUT' });
    await theirs.kill();
    const { uid, mode: after } = statSync(`${directory}/a.lock`);
    assert.deepEqual([uid, after & 0o777], [0, 0o644]);
  });
}

test('a lock file that is missing where this user makes no files is an error that says so', async (t) => {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  mkdirSync(`${directory}/a`);
  const user = startScript(t, takeIt, [`${directory}/a`, '50'], asNobody);
  assert.equal(await user.nextLine(), 'DIRECTORY_NOT_WRITABLE');
});
