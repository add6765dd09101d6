/**
 * A real second process exchanges a directory and a symlink, as fast as it can, while this one
 * walks, removes, sweeps, writes, publishes and rolls journals forward. Two thousand rounds in all,
 * ten thousand with HOLDFAST_RUNS=5; nothing outside is ever touched. Both sides run freely: no one
 * waits for a moment, the kernel decides which comes first.
 */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { raceExchanges } from '@holdfast/tools/testing';
import {
  acquireLock,
  appendRecords,
  compactRecords,
  publishDirectory,
  recover,
  replaceFile,
  sweepOrphans,
  transaction,
  updateJson,
} from 'holdfast';
import { nodeFileSystem as fs, removeTree, systemError, walkTree, type Fs } from 'holdfast/os';
import { sweepStagesOf } from '#src/directory/orphans.js';
import { overwriteInPlace } from '#src/file/in-place.js';
import { publishJournal } from '#src/journal/journal-file.js';
import type { Move } from '#src/journal/journal.js';
import { stagedDirectoryName } from '#src/stage/staged-directory.js';

const onlyLinux = {
  skip: process.platform === 'linux' ? false : 'only Linux exchanges names here',
};

interface Arena {
  /** The tree that is walked or removed; `sub` in it is what is exchanged. */
  readonly tree: string;
}

const OUTSIDE = ['a', 'b', 'broken', 'deeper/c', 'deeper/d', 'precious'];
/** What a dead process has left, here and there. */
const ORPHAN = stagedDirectoryName('left');

/**
 * Runs the rounds against a process that exchanges `<tree>/sub` and a symlink to a directory
 * outside.
 */
async function race(
  t: TestContext,
  treeName: string,
  rounds: number,
  round: (arena: Arena, number: number) => Promise<void>,
): Promise<void> {
  await raceExchanges(t, {
    treeName,
    exchanged: 'sub',
    outside: [...OUTSIDE, `deeper/${ORPHAN}/left`],
    rounds,
    layOut: (tree) => {
      mkdirSync(join(tree, 'sub/deeper', ORPHAN), { recursive: true });
      writeFileSync(join(tree, 'sub/broken'), '[');
      for (const path of ['sub/a', 'sub/b', 'sub/deeper/c', 'sub/deeper/d', 'top']) {
        writeFileSync(join(tree, path), '{"n":1}\n');
      }
    },
    round: (tree, number) => round({ tree }, number),
  });
}

test('removals against exchanges touch nothing outside', onlyLinux, async (t) => {
  await race(t, 'tree', 300, ({ tree }) => removeTree(fs, tree));
});

test('walks against exchanges see nothing outside', onlyLinux, async (t) => {
  await race(t, 'tree', 200, async ({ tree }) => {
    const root = await fs.openDirectory(tree);
    const seen: string[] = [];
    await walkTree(fs, root, { entry: async (_, name) => void seen.push(name) }).catch(
      () => undefined,
    );
    await root.close();
    assert.ok(!seen.includes('precious'));
  });
});

test('sweeps against exchanges touch nothing outside', onlyLinux, async (t) => {
  await race(t, stagedDirectoryName('dist'), 200, ({ tree }) =>
    sweepStagesOf(fs, dirname(tree), 'dist'),
  );
});

test(
  '500 publishes against exchanges write, sync and remove nothing outside',
  onlyLinux,
  async (t) => {
    await race(t, 'dist', 100, async ({ tree }, number) => {
      const options = {
        ifExists: 'replace',
        sync: 'each',
        durability: number % 10 ? 'atomic' : 'durable',
      } as const;
      await publishDirectory(tree, (stage) => stage.write('sub/new', 'new'), options);
    });
  },
);

test(
  '1,000 journals rolled forward against exchanges move nothing outside',
  onlyLinux,
  async (t) => {
    await race(t, 'root', 200, async ({ tree }) => {
      const inode = (path: string) => lstatSync(join(tree, path), { bigint: true }).ino;
      const moves: Move[] = [
        {
          kind: 'rename',
          inode: inode('top'),
          from: 'top',
          to: 'sub/to',
          before: null,
          trash: null,
        },
        {
          kind: 'remove',
          inode: inode('top') + 1_000_000n,
          from: 'sub/a',
          to: 'sub/gone',
          before: null,
          trash: null,
        },
      ];
      const root = lstatSync(tree, { bigint: true }).ino;
      await publishJournal(fs, tree, { id: '0123456789abcdef', root, moves });
      await recover(tree);
    });
  },
);

/**
 * As if every path had been made canonical before the exchanges began: a symlink that is there from
 * then on is not followed.
 */
const pinned: Fs = { ...fs, realpath: async (path) => path };

/**
 * What calls do in `<tree>/sub`; each is made by name, in a directory that somebody else keeps
 * exchanging.
 */
const calls: Readonly<Record<string, (sub: string, number: number) => Promise<unknown>>> = {
  'makes a file': (sub) => replaceFile(join(sub, 'made'), 'new', { fs: pinned }),
  'replaces a file': (sub) => replaceFile(join(sub, 'a'), 'new', { mode: 0o600, fs: pinned }),
  'makes a file that nobody else has': (sub) =>
    replaceFile(join(sub, 'made'), 'new', { ifExists: 'fail', fs: pinned }),
  'overwrites a file in place': (sub) =>
    overwriteInPlace(pinned, join(sub, 'a'), 'new', { mode: 0o600 }),
  'updates a document': (sub) =>
    updateJson(join(sub, 'b'), () => ({ made: 1 }), { onEmpty: 'initial', fs: pinned }),
  'sets a broken document aside': (sub) =>
    updateJson(join(sub, 'broken'), () => ({}), { onCorrupt: 'quarantine', fs: pinned }),
  'appends to a log': (sub) =>
    appendRecords(join(sub, 'a'), [{ n: 1 }], { format: 'jsonl', fs: pinned }),
  'compacts a log': (sub) =>
    compactRecords(join(sub, 'a'), { key: 'n', format: 'jsonl', onDamage: 'skip', fs: pinned }),
  'takes a lock': async (sub) => {
    await (await acquireLock(join(sub, 'locked'), { timeoutMs: 0, fs: pinned })).release();
  },
  'publishes a directory': (sub, number) =>
    publishDirectory(join(sub, 'deeper'), (stage) => stage.write('new', 'new'), {
      ifExists: 'replace',
      keepPrevious: number % 2,
      resume: number % 3 === 0,
      durability: 'atomic',
      fs: pinned,
    }),
  'publishes a directory by two renames': (sub, number) =>
    publishDirectory(join(sub, 'deeper'), (stage) => stage.write('new', 'new'), {
      ifExists: 'replace',
      keepPrevious: number % 2,
      withoutExchange: 'twoRenames',
      durability: 'atomic',
      fs: { ...pinned, exchange: (a) => Promise.reject(systemError(22, 'exchange', a)) },
    }),
  'salvages what is left': (sub) =>
    sweepOrphans(join(sub, 'deeper'), { salvageTo: dirname(dirname(sub)), fs: pinned }),
  'commits a transaction': (sub) =>
    transaction(
      join(sub, 'deeper'),
      async (tx) => {
        await tx.replaceFile('c', 'new');
        await tx.remove('d');
        await tx.publishDirectory('made', (stage) => stage.write('new', ''));
      },
      { timeoutMs: 1000, fs: pinned },
    ),
};

for (const [what, call] of Object.entries(calls)) {
  test(`a call that ${what} touches nothing outside against exchanges`, onlyLinux, async (t) => {
    await race(t, 'tree', 77, async ({ tree }, number) => {
      await call(join(tree, 'sub'), number);
    });
  });
}
