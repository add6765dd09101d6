import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { basename, join } from 'node:path';
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
import { nodeFileSystem, type FileStat, type Fs } from 'holdfast/os';
import { dieAtStep, observeFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
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
  assert.deepEqual(await recover(root, { dryRun: true }), {
    root,
    journal: 'whole',
    changes,
    overwrites: [],
  });
  assert.deepEqual(bytesOf(root), before);
  const made = [{ kind: 'replaceFile', path: `${root}/target`, state: 'made' }];
  assert.deepEqual(await recover(root), { root, journal: 'whole', changes: made, overwrites: [] });
  assert.deepEqual(await recover(root), { root, journal: 'none', changes: [], overwrites: [] });
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

/** The same disk for another user, who is not root either. */
function forAnother(fs: Fs, uid = 4712, owner = 4711): Fs {
  const owned = (stat: FileStat) => ({ ...stat, uid: owner });
  return {
    ...fs,
    uid,
    lstat: async (path) => owned(await fs.lstat(path)),
    stat: async (path) => owned(await fs.stat(path)),
    open: async (...args) => {
      const file = await fs.open(...args);
      const stat = file.stat.bind(file);
      return Object.assign(file, { stat: async () => owned(await stat()) });
    },
  };
}

test('the journal of another user is not followed, and stops only calls on files of that user', async (t) => {
  const root = await rootWithJournal(t);
  const fs = forAnother(nodeFileSystem);
  await assert.rejects(recover(root, { fs }), refusesJournal);
  await assert.rejects(recoverPending(fs, join(root, 'target')), refusesJournal);
  for (const mode of [0o755, 0o775, 0o1777]) {
    chmodSync(root, mode);
    await recoverPending(fs, join(root, 'new'));
    const ours = { ...fs, lstat: lstatWhere(fs, 'target', 4712) };
    await recoverPending(ours, join(root, 'target'));
    assert.equal(await isCommitPending(ours, join(root, 'target')), false);
  }
  assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'old');
});

/** A look at one name says that it belongs to this user. */
function lstatWhere(fs: Fs, name: string, uid: number): Fs['lstat'] {
  return async (path) => ({ ...(await fs.lstat(path)), ...(basename(path) === name && { uid }) });
}

test('a journal of root is believed, one that others may write or that has two names is not', async (t) => {
  const root = await rootWithJournal(t);
  const journal = join(root, '.holdfast-journal');
  for (const mode of [0o664, 0o644, 0o606, 0o640]) {
    chmodSync(journal, mode);
    await assert.rejects(recover(root), /\[DAMAGED_JOURNAL/, mode.toString(8));
  }
  chmodSync(journal, 0o600);
  linkSync(journal, join(root, 'second'));
  await assert.rejects(recover(root), /it has another name/);
  rmSync(join(root, 'second'));
  const self = process.geteuid?.() ?? 0;
  assert.equal((await recover(root, { fs: forAnother(nodeFileSystem, self, 0) })).journal, 'whole');
  assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'new');
});

test('where others may rename what is ours, a journal moves nothing of theirs', async (t) => {
  const root = await rootWithJournal(t);
  const self = process.geteuid?.() ?? 0;
  const staged = { ...nodeFileSystem, lstat: lstatWhere(nodeFileSystem, STAGED, self + 1) };
  const refuses = (error: unknown) =>
    refusesJournal(error) && /belongs to another user/.test((error as Error).message);
  chmodSync(root, 0o775);
  await assert.rejects(recover(root, { fs: staged }), refuses);
  await assert.rejects(recover(root, { fs: staged, dryRun: true }), refuses);
  chmodSync(root, 0o1777);
  assert.equal((await recover(root, { fs: staged, dryRun: true })).journal, 'whole', 'sticky');
  chmodSync(root, 0o755);
  assert.equal((await recover(root, { fs: staged, dryRun: true })).journal, 'whole', 'ours alone');
  chmodSync(root, 0o775);
  assert.equal((await recover(root)).changes[0]?.state, 'made', 'all of it is ours');
});

test('a recovery is told to who listens, whoever made it', async (t) => {
  const told: unknown[] = [];
  const listener = (recovery: unknown) => void told.push(recovery);
  subscribe('holdfast:recovery', listener);
  t.after(() => unsubscribe('holdfast:recovery', listener));
  const root = await rootWithJournal(t);
  await replaceFile(join(root, 'other'), 'x');
  assert.deepEqual(told, [
    {
      root,
      journal: 'whole',
      changes: [{ kind: 'replaceFile', path: join(root, 'target'), state: 'made' }],
      overwrites: [],
    },
  ]);
  await replaceFile(join(root, 'other'), 'y');
  assert.equal(told.length, 1);
});

/** Puts a symlink in the place of a directory as soon as a call is made. */
function exchanging(
  root: string,
  outside: string,
  when: (call: string, path: string) => boolean,
): Fs {
  let isDone = false;
  return new Proxy(nodeFileSystem, {
    get(inner, name) {
      const method: unknown = Reflect.get(inner, name);
      if (typeof method !== 'function' || typeof name !== 'string') return method;
      return (...args: unknown[]) => {
        if (!isDone && when(name, String(args[0]))) {
          isDone = true;
          renameSync(join(root, 'sub'), join(root, 'sub.away'));
          symlinkSync(outside, join(root, 'sub'));
        }
        return Reflect.apply(method, inner, args) as unknown;
      };
    },
  });
}

test('a symlink that takes the place of a directory at any instant leads no move out of the root', async (t) => {
  const calls = ['lstat', 'openDirectory', 'rename', 'link', 'exchange', 'unlink', 'readDirectory'];
  let refusals = 0;
  for (const call of calls) {
    for (let skip = 0; skip < 12; skip += 1) {
      const root = temporaryDirectory(t);
      const outside = temporaryDirectory(t);
      mkdirSync(join(root, 'sub'));
      writeFileSync(join(root, 'from'), 'moves');
      writeFileSync(join(root, 'sub/old'), 'old');
      const move = (kind: Move['kind'], from: string, to: string): Move => {
        return { kind, inode: inodeOf(join(root, from)), from, to, before: null, trash: null };
      };
      const moves = [move('rename', 'from', 'sub/to'), move('remove', 'sub/old', 'sub/gone')];
      await publishJournal(nodeFileSystem, root, journalOf(root, moves));
      let seen = 0;
      const fs = exchanging(root, outside, (name) => name === call && seen++ === skip);
      await recover(root, { fs }).catch((error: unknown) => {
        refusals += 1;
        assert.ok(refusesJournal(error), String(error));
      });
      assert.deepEqual(readdirSync(outside), [], `${call} ${skip}`);
    }
  }
  assert.ok(refusals > 0, 'a symlink in the way must have been seen');
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

test('what has the name of a removed file by now is not discarded for it', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'a'), 'mine');
  const inode = inodeOf(join(root, 'a'));
  const move: Move = { kind: 'remove', inode, from: 'a', to: STAGED, before: null, trash: null };
  await publishJournal(nodeFileSystem, root, journalOf(root, [move]));
  renameSync(join(root, 'a'), join(root, 'elsewhere'));
  writeFileSync(join(root, STAGED), 'theirs');
  assert.equal((await recover(root)).changes[0]?.state, 'superseded');
  assert.equal(readFileSync(join(root, STAGED), 'utf8'), 'theirs');
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

test('each step of a recovery is durable before the next one begins', async (t) => {
  const root = await rootWithJournal(t);
  const steps: string[] = [];
  const fs = observeFs(nodeFileSystem, {
    before: ({ call, path }) => void steps.push(`${call} ${path === root ? '.' : basename(path)}`),
  });
  await recover(root, { fs });
  assert.deepEqual(steps, [
    'open .holdfast-journal.lock',
    'sync .',
    `rename ${STAGED}`,
    'sync .',
    'unlink .holdfast-journal',
    'sync .',
  ]);
});
