/** What NFS itself does between two machines, on which Holdfast's promises there are built. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nfsClients } from '@holdfast/tools/testing';
import { probe } from 'holdfast';
import { nodeFileSystem as fs } from 'holdfast/os';

test('a lock on a file excludes the other machine, one on a directory does not', async (t) => {
  const { a, b } = nfsClients(t);
  const [fileA, fileB] = [
    await fs.open(`${a}/file`, { access: 'readWrite', create: 'ifMissing' }),
    await fs.open(`${b}/file`, { access: 'readWrite', create: 'ifMissing' }),
  ];
  assert.deepEqual([fileA.tryLock('exclusive'), fileB.tryLock('exclusive')], [true, false]);
  const [directoryA, directoryB] = [await fs.openDirectory(a), await fs.openDirectory(b)];
  assert.deepEqual(
    [directoryA.tryLock('exclusive'), directoryB.tryLock('exclusive')],
    [true, true],
  );
  for (const handle of [fileA, fileB, directoryA, directoryB]) await handle.close();
});

/** One more machine, mounted with an option of its own; the directory of the test as it sees it. */
function machineWith(t: TestContext, option: string, server: string): string {
  const mount = `/mnt/machine-${option}`;
  mkdirSync(mount, { recursive: true });
  const options = `vers=4.2,nosharecache,${option}`;
  execFileSync('mount', ['-t', 'nfs4', '-o', options, '127.0.0.1:/', mount]);
  t.after(() => execFileSync('umount', [mount]));
  return `${mount}/${basename(server)}`;
}

test('a machine that has opened the directory finds a name that was missing, but not with nocto', (t) => {
  const { a, b, server } = nfsClients(t);
  const machines = [b, machineWith(t, 'nocto', server)];
  const seen = (): boolean[] => machines.map((directory) => existsSync(`${directory}/file`));
  assert.deepEqual(seen(), [false, false]);
  writeFileSync(`${a}/file`, '');
  assert.deepEqual(seen(), [false, false]);
  for (const directory of machines) closeSync(openSync(directory, 'r'));
  assert.deepEqual(seen(), [true, false]);
});

test('doctor tells what holds between machines, by the options of the mount', async (t) => {
  const { guarantees } = await probe(machineWith(t, 'nocto', nfsClients(t).server));
  const verdicts = new Map(guarantees.map(({ name, holds }) => [name, holds]));
  assert.equal(verdicts.get('writers of all processes take turns'), 'unknown');
  assert.equal(verdicts.get('what another machine wrote is found'), 'no');
  assert.equal(verdicts.get('readers of a mosaic on other machines keep their tiles'), 'yes');
  assert.equal(verdicts.get('a directory is replaced whole'), 'no');
  assert.equal(verdicts.get('what dead processes leave is swept'), 'unknown');
});
