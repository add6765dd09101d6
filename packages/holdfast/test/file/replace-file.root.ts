/**
 * replaceFile where only root can bring the trouble about: full disks, quotas, mounts, other users,
 * namespaces.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { mountFilesystem, startScript, temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, replaceFile, type ErrorCode } from 'holdfast';
import { errnoOf } from '#src/errors.js';

const NOBODY = 65534;
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

const replaceIt = `
  import { replaceFile } from 'holdfast';
  const [, path, data, options] = process.argv;
  await replaceFile(path, data, JSON.parse(options ?? '{}')).then(
    () => console.log('done'),
    ({ code, outcome }) => console.log(code, outcome),
  );`;

function replaceAsNobody(
  t: TestContext,
  path: string,
  options: object = {},
  environment: readonly string[] = [],
): Promise<string | undefined> {
  const command = ['env', ...environment, ...asNobody];
  return startScript(t, replaceIt, [path, 'new', JSON.stringify(options)], command).nextLine();
}

/** A directory that every user may enter. */
function openDirectory(t: TestContext): string {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  return directory;
}

/** Mounts one file over another for as long as the function runs. */
async function whileBound(from: string, to: string, fn: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['--bind', from, to]);
  try {
    await fn();
  } finally {
    execFileSync('umount', ['--lazy', to]);
  }
}

const unchanged = (code: ErrorCode) => (error: unknown) =>
  isHoldfastError(error, code) && error.outcome === 'unchanged';

test('on a full disk the old file is kept, the error says so, and nothing is left over', async (t) => {
  const directory = mountFilesystem(t, 'tmpfs', { sizeMb: 1 });
  writeFileSync(`${directory}/a`, 'old');
  for (const data of [
    Buffer.alloc(2 * 1024 * 1024, 7),
    [Buffer.alloc(900_000), Buffer.alloc(900_000)],
  ]) {
    await assert.rejects(replaceFile(`${directory}/a`, data), unchanged('NO_SPACE'));
  }
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(directory), ['a']);
  await replaceFile(`${directory}/a`, 'new');
});

test('a short count at the very end of the disk is never published', async (t) => {
  const directory = mountFilesystem(t, 'tmpfs', { sizeMb: 1 });
  writeFileSync(`${directory}/a`, 'old');
  for (const sizeKb of [1016, 1020, 1021, 1022, 1023, 1024, 1025]) {
    const data = Buffer.alloc(sizeKb * 1024, 7);
    const outcome = await replaceFile(`${directory}/a`, data).then(() => 'done', String);
    const size = statSync(`${directory}/a`).size;
    assert.equal(size, outcome === 'done' ? data.length : 3, outcome);
    if (outcome === 'done') writeFileSync(`${directory}/a`, 'old');
  }
});

test('a used-up quota is NO_SPACE, though Node has no name for its error', async (t) => {
  const mount = mountFilesystem(t, 'btrfs');
  const directory = `${mount}/limited`;
  execFileSync('btrfs', ['subvolume', 'create', directory], { stdio: 'ignore' });
  execFileSync('btrfs', ['quota', 'enable', mount]);
  execFileSync('btrfs', ['qgroup', 'limit', '4M', directory]);
  writeFileSync(`${directory}/a`, 'old');
  const data = Buffer.alloc(16 * 1024 * 1024, 7);
  await assert.rejects(
    replaceFile(`${directory}/a`, data),
    (error) =>
      isHoldfastError(error, 'NO_SPACE') &&
      error.outcome === 'unchanged' &&
      errnoOf(error.cause) !== 'UNKNOWN',
  );
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a file that is a bind mount gets its own error, and is overwritten in place only on request', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/outside`, 'old and long');
  writeFileSync(`${directory}/a`, '');
  await whileBound(`${directory}/outside`, `${directory}/a`, async () => {
    await assert.rejects(replaceFile(`${directory}/a`, 'new'), unchanged('TARGET_IS_MOUNT'));
    assert.equal(readFileSync(`${directory}/outside`, 'utf8'), 'old and long');
    await replaceFile(`${directory}/a`, 'new', { inPlace: 'ifNeeded' });
  });
  assert.equal(readFileSync(`${directory}/outside`, 'utf8'), 'new');
  const lock = `.holdfast-${statSync(`${directory}/outside`).ino.toString(16)}.redo.lock`;
  assert.deepEqual(readdirSync(directory), [lock, 'a', 'outside']);
});

test('a directory that forbids new files gets its own error, and the same way out', async (t) => {
  const directory = openDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  chownSync(`${directory}/a`, NOBODY, NOBODY);
  const inode = statSync(`${directory}/a`).ino;
  assert.equal(await replaceAsNobody(t, `${directory}/a`), 'DIRECTORY_NOT_WRITABLE unchanged');
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  const inPlace = { inPlace: 'ifNeeded' } as const;
  const withoutState = await replaceAsNobody(t, `${directory}/a`, inPlace, ['HOME=/root']);
  assert.equal(withoutState, 'DIRECTORY_NOT_WRITABLE unchanged');
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'old');
  const state = temporaryDirectory(t);
  chownSync(state, NOBODY, NOBODY);
  const environment = [`XDG_STATE_HOME=${state}`];
  assert.equal(await replaceAsNobody(t, `${directory}/a`, inPlace, environment), 'done');
  assert.equal(readFileSync(`${directory}/a`, 'utf8'), 'new');
  assert.equal(statSync(`${directory}/a`).ino, inode);
});

test('on a read-only filesystem nothing changes, and the error says why', async (t) => {
  const directory = mountFilesystem(t, 'tmpfs', { sizeMb: 1 });
  writeFileSync(`${directory}/a`, 'old');
  execFileSync('mount', ['-o', 'remount,ro', directory]);
  await assert.rejects(replaceFile(`${directory}/a`, 'new'), unchanged('DIRECTORY_NOT_WRITABLE'));
});

test('root keeps owner and group of a file that it replaces, and on request its set-user-ID bit', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  for (const [user, group] of [
    [NOBODY, 1],
    [NOBODY, 0],
    [0, 1],
  ] as const) {
    writeFileSync(path, 'old');
    chownSync(path, user, group);
    chmodSync(path, 0o4750);
    for (const [setId, kept] of [
      ['keep', 0o4750],
      ['drop', 0o750],
    ] as const) {
      await replaceFile(path, 'new', { setId });
      const { uid, gid, mode } = statSync(path);
      assert.deepEqual([uid, gid, mode & 0o7777], [user, group, kept]);
    }
  }
});

test('who may not give the owner and group does not let new readers in', async (t) => {
  const directory = openDirectory(t);
  chmodSync(directory, 0o777);
  writeFileSync(`${directory}/a`, 'old');
  chmodSync(`${directory}/a`, 0o6754);
  assert.equal(await replaceAsNobody(t, `${directory}/a`), 'done');
  const { uid, gid, mode } = statSync(`${directory}/a`);
  assert.deepEqual([uid, gid, mode & 0o7777], [NOBODY, NOBODY, 0o744]);
});

test('two containers that share a volume, with the same process ids, never publish a mix', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  const script = `
    import { replaceFile } from 'holdfast';
    const [, path, letter] = process.argv;
    for (let round = 0; round < 60; round += 1) await replaceFile(path, letter.repeat(100_000));
    console.log(process.pid);`;
  const container = ['unshare', '--pid', '--fork', '--mount-proc'];
  const writers = ['a', 'b', 'c'].map((letter) =>
    startScript(t, script, [path, letter], container),
  );
  const ended = Promise.all(writers.map(({ child }) => once(child, 'exit')));
  const ids = Promise.all(writers.map((writer) => writer.nextLine()));
  const over = ended.then(() => 'over');
  while ((await Promise.race([over, new Promise(setImmediate)])) !== 'over') {
    const text = readIfThere(path);
    if (text === undefined) continue;
    assert.equal(text.length, 100_000);
    assert.equal(text, (text[0] as string).repeat(100_000));
  }
  assert.equal(new Set(await ids).size, 1, 'the containers must have the same process ids');
  assert.deepEqual(readdirSync(directory), ['a']);
});

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

test('a stage in another container is not taken for an orphan', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/data`);
  const script = `
    import { replaceFile } from 'holdfast';
    async function* slow() {
      yield Buffer.from('half');
      console.log('staged');
      await new Promise((resolve) => process.stdin.once('data', resolve));
    }
    await replaceFile(process.argv[1], slow());
    console.log('done');
    process.exit();`;
  const container = ['unshare', '--pid', '--fork', '--mount-proc'];
  const writer = startScript(t, script, [`${directory}/data/a`], container);
  assert.equal(await writer.nextLine(), 'staged');
  await replaceFile(`${directory}/data/b`, 'mine');
  assert.equal(readdirSync(`${directory}/data`).length, 2);
  writer.child.stdin?.end('go\n');
  assert.equal(await writer.nextLine(), 'done');
  assert.deepEqual(readdirSync(`${directory}/data`), ['a', 'b']);
});
