import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  appendRecords,
  isHoldfastError,
  listOrphans,
  publishDirectory,
  recover,
  replaceFile,
  sweepOrphans,
  transaction,
  updateJson,
  withLock,
} from 'holdfast';
import { sweepStagesOf } from '#src/directory/orphans.js';
import { stagedDirectoryName } from '#src/stage/staged-directory.js';
import { sweepTemporaryFiles } from '#src/stage/sweep.js';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { dieAtStep, observeFs, temporaryDirectory } from '@holdfast/tools/testing';
import { publishJournal } from '#src/journal/journal-file.js';
import { encodeJournal, type Journal, type Move } from '#src/journal/journal.js';
import { isCommitPending, recoverPending } from '#src/journal/pending.js';
import { acquireLock } from '#src/journal/settled-lock.js';
import { isTemporaryName } from '#src/stage/names.js';

const STAGED = '.holdfast-00000000000000000000.tmp';

function inodeOf(path: string): bigint {
  return lstatSync(path, { bigint: true }).ino;
}

function journalOf(root: string, moves: readonly Move[]): Journal {
  return { id: '0123456789abcdef', root: inodeOf(root), moves };
}

/** A root with a committed replacement of `target` that was not made yet. */
async function rootWithJournal(t: TestContext): Promise<string> {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'target'), 'old');
  writeFileSync(join(root, STAGED), 'new');
  const move: Move = {
    kind: 'replaceFile',
    inode: inodeOf(join(root, STAGED)),
    from: STAGED,
    to: 'target',
    before: inodeOf(join(root, 'target')),
    trash: null,
  };
  await publishJournal(nodeFileSystem, root, journalOf(root, [move]));
  return root;
}

function refusesJournal(error: unknown): boolean {
  assert.ok(isHoldfastError(error, 'DAMAGED_JOURNAL'), String(error));
  assert.equal(error.outcome, 'unchanged');
  return true;
}

/** Everything in a directory, byte for byte. */
function bytesOf(root: string): Record<string, string> {
  const names = readdirSync(root).filter((name) => !name.endsWith('.lock'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(root, name), 'hex')]));
}

test('whoever locks a path deep below the root finds the commit made', async (t) => {
  const root = await rootWithJournal(t);
  mkdirSync(join(root, 'x/y'), { recursive: true });
  symlinkSync(join(root, 'x'), join(temporaryDirectory(t), 'link'));
  const lock = await acquireLock(join(root, 'x/y/some.json'), { mode: 'shared' });
  assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'new');
  assert.equal(existsSync(join(root, '.holdfast-journal')), false);
  await lock.release();
});

test('a path reached through a symlink finds the journal of the directory it really lies in', async (t) => {
  const root = await rootWithJournal(t);
  mkdirSync(join(root, 'x'));
  const link = join(temporaryDirectory(t), 'link');
  symlinkSync(join(root, 'x'), link);
  await (await acquireLock(join(link, 'some.json'))).release();
  assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'new');
});

test('a path outside the root leaves the journal alone', async (t) => {
  const root = await rootWithJournal(t);
  await recoverPending(nodeFileSystem, `${root}-beside/file`);
  assert.equal(await isCommitPending(nodeFileSystem, join(root, 'x')), true);
  assert.equal(await isCommitPending(nodeFileSystem, root), false);
});

test('a dry run tells what it would do and changes nothing', async (t) => {
  const root = await rootWithJournal(t);
  const before = bytesOf(root);
  const changes = [{ kind: 'replaceFile', path: `${root}/target`, state: 'pending' }];
  assert.deepEqual(await recover(root, { dryRun: true }), { root, journal: 'whole', changes });
  assert.deepEqual(bytesOf(root), before);
  const made = [{ kind: 'replaceFile', path: `${root}/target`, state: 'made' }];
  assert.deepEqual(await recover(root), { root, journal: 'whole', changes: made });
  assert.deepEqual(await recover(root), { root, journal: 'none', changes: [] });
});

test('a torn journal is thrown away, and nothing is moved for it', async (t) => {
  for (const sizeBytes of [0, 10, 120]) {
    const root = await rootWithJournal(t);
    truncateSync(join(root, '.holdfast-journal'), sizeBytes);
    assert.equal((await recover(root)).journal, 'torn');
    assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'old');
    assert.equal(existsSync(join(root, '.holdfast-journal')), false);
  }
});

test('a journal that no crash can leave is refused by everyone, byte for byte untouched', async (t) => {
  const damages: [string, (root: string, path: string) => void][] = [
    ['foreign', (_, path) => writeFileSync(path, '{"name": "somebody else"}')],
    [
      'flipped',
      (_, path) => writeFileSync(path, readFileSync(path, 'latin1').replace('target', 'tarGet')),
    ],
    ['longer', (_, path) => writeFileSync(path, 'x', { flag: 'a' })],
    ['of a later version', (_, path) => writeFileSync(path, 'holdfast-journal 2 x')],
    [
      'of another directory',
      (root, path) => writeFileSync(path, encodeJournal({ ...journalOf(root, []), root: 1n })),
    ],
    [
      'without its stage',
      (root, path) => {
        const move: Move = {
          kind: 'replaceFile',
          inode: 1n,
          from: 'gone',
          to: 'target',
          before: inodeOf(join(root, 'target')),
          trash: null,
        };
        writeFileSync(path, encodeJournal(journalOf(root, [move])));
      },
    ],
  ];
  for (const [what, damage] of damages) {
    const root = await rootWithJournal(t);
    damage(root, join(root, '.holdfast-journal'));
    const before = bytesOf(root);
    await assert.rejects(recover(root), refusesJournal, what);
    await assert.rejects(recover(root, { dryRun: true }), refusesJournal, what);
    await assert.rejects(acquireLock(join(root, 'target')), refusesJournal, what);
    assert.deepEqual(bytesOf(root), before, what);
  }
});

test('a journal that is a symlink, a directory or a FIFO is refused', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, '.holdfast-journal'));
  await assert.rejects(recover(root), refusesJournal);
  const other = temporaryDirectory(t);
  symlinkSync('/etc/passwd', join(other, '.holdfast-journal'));
  await assert.rejects(recover(other), refusesJournal);
});

test('a symlink that was put where a directory was leads no move out of the root', async (t) => {
  const root = temporaryDirectory(t);
  const outside = temporaryDirectory(t);
  writeFileSync(join(outside, 'a'), 'theirs');
  symlinkSync(outside, join(root, 'sub'));
  const inode = inodeOf(join(outside, 'a'));
  const move: Move = {
    kind: 'remove',
    inode,
    from: 'sub/a',
    to: 'sub/b',
    before: null,
    trash: null,
  };
  await publishJournal(nodeFileSystem, root, journalOf(root, [move]));
  await assert.rejects(recover(root), refusesJournal);
  assert.equal(readFileSync(join(outside, 'a'), 'utf8'), 'theirs');
});

/** The same disk, where files belong to somebody else. */
function ownedByAnother(fs: Fs): Fs {
  const other = async (path: string) => ({ ...(await fs.lstat(path)), uid: 4711 });
  return new Proxy(fs, {
    get: (inner, name) =>
      name === 'lstat' ? other : (Reflect.get(inner, name) as (...args: unknown[]) => unknown),
  });
}

test('the journal of another user is not followed; in a directory for everyone it is not even minded', async (t) => {
  const root = await rootWithJournal(t);
  const fs = ownedByAnother(nodeFileSystem);
  await assert.rejects(recover(root, { fs }), refusesJournal);
  await assert.rejects(recoverPending(fs, join(root, 'x')), refusesJournal);
  chmodSync(root, 0o1777);
  await recoverPending(fs, join(root, 'x'));
  assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'old');
});

test('what another program put in the way is set aside, never destroyed', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'from'), 'moves');
  const inode = inodeOf(join(root, 'from'));
  const move: Move = { kind: 'rename', inode, from: 'from', to: 'to', before: null, trash: null };
  await publishJournal(nodeFileSystem, root, journalOf(root, [move]));
  writeFileSync(join(root, 'to'), 'theirs');
  const [change] = (await recover(root)).changes;
  assert.equal(readFileSync(join(root, 'to'), 'utf8'), 'moves');
  assert.equal(readFileSync(change?.displacedTo as string, 'utf8'), 'theirs');
});

test('what another program put in the place of a removed file is not removed', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'a'), 'mine');
  writeFileSync(join(root, 'theirs'), 'theirs');
  const inode = inodeOf(join(root, 'a'));
  const move: Move = { kind: 'remove', inode, from: 'a', to: STAGED, before: null, trash: null };
  await publishJournal(nodeFileSystem, root, journalOf(root, [move]));
  await nodeFileSystem.rename(join(root, 'theirs'), join(root, 'a'));
  assert.equal((await recover(root)).changes[0]?.state, 'superseded');
  assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'theirs');
});

test('before a journal has its name it is an orphan like any other', async (t) => {
  const root = temporaryDirectory(t);
  const dying = observeFs(nodeFileSystem, dieAtStep(2, 'after'));
  await assert.rejects(publishJournal(dying, root, journalOf(root, [])));
  const [left] = readdirSync(root);
  assert.equal(isTemporaryName(left as string), true);
});

test('a journal is private', async (t) => {
  const root = temporaryDirectory(t);
  await publishJournal(nodeFileSystem, root, journalOf(root, []));
  assert.equal(statSync(join(root, '.holdfast-journal')).mode & 0o7777, 0o600);
});

test('every call that writes below the root finds the commit made', async (t) => {
  const calls: Record<string, (root: string) => Promise<unknown>> = {
    replaceFile: (root) => replaceFile(join(root, 'other'), 'x'),
    publishDirectory: (root) => publishDirectory(join(root, 'tree'), () => undefined),
    updateJson: (root) => updateJson(join(root, 'doc.json'), () => undefined),
    appendRecords: (root) => appendRecords(join(root, 'log.jsonl'), [{ a: 1 }]),
    withLock: (root) => withLock(join(root, 'x'), () => undefined, { mode: 'shared' }),
    sweepOrphans: (root) => sweepOrphans(root),
    transaction: (root) => transaction(root, () => undefined),
    'transaction in a directory below': (root) => {
      mkdirSync(join(root, 'below'));
      return transaction(join(root, 'below'), () => undefined);
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    const root = await rootWithJournal(t);
    await call(root);
    assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'new', name);
    assert.equal(existsSync(join(root, '.holdfast-journal')), false, name);
  }
});

test('what a journal may still publish is no orphan, though its owner is dead', async (t) => {
  const root = await rootWithJournal(t);
  const tree = join(root, stagedDirectoryName('tree'));
  mkdirSync(tree);
  assert.deepEqual(await sweepTemporaryFiles(nodeFileSystem, root), []);
  await sweepStagesOf(nodeFileSystem, root, 'tree');
  assert.deepEqual(await listOrphans(root), []);
  assert.ok(existsSync(tree) && existsSync(join(root, STAGED)));
  await recover(root);
  await sweepStagesOf(nodeFileSystem, root, 'tree');
  assert.equal(existsSync(tree), false);
});

test('the names of journals are refused at once, and nobody waits for them afterwards', async (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['.holdfast-journal', '.holdfast-journal.lock']) {
    const path = join(root, name);
    const calls = [
      () => replaceFile(path, 'text'),
      () => updateJson(path, () => undefined, { timeoutMs: 5000 }),
      () => appendRecords(path, [{ a: 1 }], { format: 'jsonl', timeoutMs: 5000 }),
      () => withLock(path, () => undefined, { timeoutMs: 5000 }),
      () => publishDirectory(path, () => undefined),
    ];
    for (const call of calls) {
      await assert.rejects(call, (error: unknown) => isHoldfastError(error, 'PATH_CONFLICT'));
    }
  }
  assert.ok(!existsSync(join(root, '.holdfast-journal')));
  await updateJson(join(root, 'other.json'), () => undefined, { timeoutMs: 5000 });
});
