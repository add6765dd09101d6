/**
 * Trees walked and removed while another program exchanges what is in them: each step at its worst
 * instant.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { publishDirectory, sweepOrphans } from 'holdfast';
import { nodeFileSystem, removeTree, walkTree, type Fs } from 'holdfast/os';
import { stagedDirectoryName } from '#src/stage/staged-directory.js';

const onlyLinux = {
  skip:
    process.platform === 'linux' ? false : 'Linux alone is known to have paths through descriptors',
};

interface Trap {
  readonly base: string;
  readonly tree: string;
  /** Puts something else in the place of `tree/sub`. */
  readonly spring: () => void;
}

/**
 * A tree, a directory outside of it, and a trap: a symlink to that directory, or another directory.
 */
function trap(t: TestContext, what: 'symlink' | 'directory', treeName = 'tree'): Trap {
  const base = temporaryDirectory(t);
  const tree = join(base, treeName);
  mkdirSync(join(tree, 'sub/deeper'), { recursive: true });
  for (const path of ['sub/a', 'sub/b', 'sub/deeper/c', 'top']) writeFileSync(join(tree, path), '');
  mkdirSync(join(base, 'outside'));
  for (const name of ['a', 'b', 'precious']) writeFileSync(join(base, 'outside', name), name);
  return {
    base,
    tree,
    spring() {
      renameSync(join(tree, 'sub'), join(base, 'away'));
      if (what === 'symlink') symlinkSync(join(base, 'outside'), join(tree, 'sub'));
      else renameSync(join(base, 'outside'), join(tree, 'sub'));
    },
  };
}

/** Springs the trap right before, or right after, the n-th call of a kind. */
function springing({ spring }: Trap, call: string, nth: number, when: 'before' | 'after'): Fs {
  let seen = 0;
  return new Proxy(nodeFileSystem, {
    get(inner, name) {
      const method: unknown = Reflect.get(inner, name);
      if (name !== call || typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        const isIt = seen++ === nth;
        if (isIt && when === 'before') spring();
        const result: unknown = await Reflect.apply(method, inner, args);
        if (isIt && when === 'after') spring();
        return result;
      };
    },
  });
}

const calls = ['lstat', 'openDirectory', 'readDirectory', 'unlink', 'rmdir', 'exists', 'open'];

function* instants(): Generator<[string, number, 'before' | 'after']> {
  for (const call of calls) {
    for (let nth = 0; nth < 9; nth += 1)
      for (const when of ['before', 'after'] as const) yield [call, nth, when];
  }
}

const precious = ['a', 'b', 'precious'];

test('a removal never follows what takes the place of a directory', onlyLinux, async (t) => {
  let sprung = 0;
  for (const [call, nth, when] of instants()) {
    const set = trap(t, 'symlink');
    await removeTree(springing(set, call, nth, when), set.tree).catch(() => undefined);
    assert.deepEqual(readdirSync(join(set.base, 'outside')), precious, `${when} ${call} ${nth}`);
    if (existsSync(join(set.base, 'away'))) sprung += 1;
  }
  assert.ok(sprung > 12, `the trap was sprung only ${sprung} times`);
});

test(
  'a walk tells a directory that took the place of another from the one it saw',
  onlyLinux,
  async (t) => {
    const set = trap(t, 'directory');
    const fs = springing(set, 'lstat', 0, 'after');
    const root = await fs.openDirectory(set.tree);
    const seen: string[] = [];
    const walk = walkTree(fs, root, { entry: async (_, name) => void seen.push(name) });
    await assert.rejects(walk, { code: 'TARGET_CHANGED' });
    assert.deepEqual(seen, []);
    await root.close();
  },
);

test(
  'no directory of a tree is opened through a symlink, and each below another one',
  onlyLinux,
  async (t) => {
    const { tree, base } = trap(t, 'symlink');
    const opened: [boolean, boolean][] = [];
    const fs: Fs = {
      ...nodeFileSystem,
      openDirectory(path, flags) {
        opened.push([path.startsWith('/proc/self/fd/'), flags?.noFollow ?? false]);
        return nodeFileSystem.openDirectory(path, flags);
      },
    };
    await removeTree(fs, tree);
    const child: [boolean, boolean] = [true, true];
    assert.deepEqual(opened, [[false, false], child, child, child]);
    assert.deepEqual(readdirSync(base).toSorted(), ['outside']);
  },
);

test('a removal leaves the directory that took the place of another', onlyLinux, async (t) => {
  const set = trap(t, 'directory');
  // The first look is at the tree itself.
  const removal = removeTree(springing(set, 'lstat', 1, 'after'), set.tree);
  await assert.rejects(removal, { code: 'TARGET_CHANGED' });
  assert.deepEqual(readdirSync(join(set.tree, 'sub')), precious);
});

test('what fails with one entry is told when those beside it have settled, and no more are visited', async (t) => {
  const base = temporaryDirectory(t);
  for (let file = 0; file < 10; file += 1) writeFileSync(join(base, `${file}`), '');
  const root = await nodeFileSystem.openDirectory(base);
  let [begun, settled] = [0, 0];
  const entry = async (): Promise<void> => {
    begun += 1;
    await new Promise(setImmediate);
    settled += 1;
    if (begun === 4) throw new Error('the disk');
  };
  await assert.rejects(walkTree(nodeFileSystem, root, { entry }, { concurrency: 4 }), {
    message: 'the disk',
  });
  assert.deepEqual([begun, settled], [4, 4]);
  await root.close();
});

test('a tree that is not the one that is meant is left alone', async (t) => {
  const { tree } = trap(t, 'symlink');
  await removeTree(nodeFileSystem, tree, () => false);
  assert.ok(existsSync(join(tree, 'top')));
});

test(
  'a tree that is deeper than a path can say is refused, not followed for ever',
  onlyLinux,
  async (t) => {
    const base = temporaryDirectory(t);
    let at = await nodeFileSystem.openDirectory(base);
    for (let depth = 0; depth <= 2049; depth += 1) {
      await nodeFileSystem.mkdir(at.at('d'));
      const next = await nodeFileSystem.openDirectory(at.at('d'));
      await at.close();
      at = next;
    }
    await at.close();
    const root = await nodeFileSystem.openDirectory(base);
    await assert.rejects(walkTree(nodeFileSystem, root, {}), { code: 'UNSUPPORTED_TARGET' });
    await root.close();
    // Deeper than Node itself can remove.
    execFileSync('rm', ['-rf', `${base}/d`]);
  },
);

test(
  'a sweep of orphans never follows what takes the place of a directory',
  onlyLinux,
  async (t) => {
    for (const [call, nth, when] of instants()) {
      const set = trap(t, 'symlink', stagedDirectoryName('dist'));
      const fs = springing(set, call, nth, when);
      await sweepOrphans(set.base, { recursive: true, fs }).catch(() => undefined);
      assert.deepEqual(readdirSync(join(set.base, 'outside')), precious, `${when} ${call} ${nth}`);
    }
  },
);

test(
  'a publish never follows what takes the place of its stage, or of a directory in it',
  onlyLinux,
  async (t) => {
    for (const what of ['stage', 'directory in the stage']) {
      for (const [call, nth, when] of instants()) {
        const base = temporaryDirectory(t);
        mkdirSync(join(base, 'outside'));
        writeFileSync(join(base, 'outside/precious'), 'precious');
        let path = '';
        const spring = () => {
          if (path === '' || !existsSync(path)) return;
          const victim = what === 'stage' ? path : join(path, 'sub');
          if (!existsSync(victim)) return;
          renameSync(victim, join(base, 'away'));
          symlinkSync(join(base, 'outside'), victim);
        };
        const fs = springing({ base, tree: base, spring }, call, nth, when);
        await publishDirectory(
          join(base, 'dist'),
          async (stage) => {
            path = stage.path;
            await stage.write('sub/one', '1');
            await stage.write('sub/two', '2');
            await stage.write('three', '3');
          },
          { fs, sync: 'each' },
        ).catch(() => undefined);
        const at = `${what}: ${when} ${call} ${nth} of ${basename(path)}`;
        assert.deepEqual(readdirSync(join(base, 'outside')), ['precious'], at);
      }
    }
  },
);
