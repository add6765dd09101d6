import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  existsSync,
} from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import {
  HoldfastError,
  isHoldfastError,
  publishDirectory,
  type Fs,
  type PublishDirectoryOptions,
  type Stage,
} from 'holdfast';
import { nodeFileSystem, systemError } from 'holdfast/os';
import { interceptFs, observeFs } from '@holdfast/crashkit';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';

/** Every file below a directory with its content. */
function treeOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`)
      .map((path) => path.replaceAll('\\', '/'))
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}

function holdfastError(code: string, outcome = 'unchanged'): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isHoldfastError(error), String(error));
    assert.deepEqual([error.code, error.outcome], [code, outcome], error.message);
    return true;
  };
}

test('a published directory holds what fill wrote, and nothing is left beside it', async (t) => {
  const root = temporaryDirectory(t);
  const result = await publishDirectory(`${root}/out`, async (stage) => {
    await stage.write('a.txt', 'one');
    await stage.write('deep/er/b.txt', new TextEncoder().encode('two'));
    writeFileSync(`${stage.path}/plain`, 'any program may write here');
    return 42;
  });
  assert.deepEqual(treeOf(`${root}/out`), {
    'a.txt': 'one',
    'deep/er/b.txt': 'two',
    plain: 'any program may write here',
  });
  assert.equal(result.value, 42);
  assert.equal(result.fileCount, 3);
  assert.equal(result.path, `${root}/out`);
  assert.deepEqual(readdirSync(root), ['out']);
});

test('a symlink is published as it is, a dangling one too, and counts as a file', async (t) => {
  const root = temporaryDirectory(t);
  const { fileCount } = await publishDirectory(`${root}/out`, (stage) =>
    symlinkSync('/nowhere', `${stage.path}/link`),
  );
  assert.equal(fileCount, 1);
  assert.equal(readlinkSync(`${root}/out/link`), '/nowhere');
});

test('nobody sees the target before it is whole', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, async (stage) => {
    await stage.write('a', '1');
    assert.equal(existsSync(`${root}/out`), false);
  });
  assert.equal(existsSync(`${root}/out/a`), true);
});

test('an empty target is reused, one that is not empty is refused before fill runs', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/out`);
  await publishDirectory(`${root}/out`, (stage) => stage.write('a', '1'));
  let filled = false;
  await assert.rejects(
    publishDirectory(`${root}/out`, () => {
      filled = true;
    }),
    holdfastError('ALREADY_EXISTS'),
  );
  assert.equal(filled, false);
  assert.deepEqual(treeOf(`${root}/out`), { a: '1' });
});

test('a tree is replaced whole, and the old one is gone', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', '1'));
  await publishDirectory(`${root}/out`, (stage) => stage.write('new', '2'), {
    ifExists: 'replace',
  });
  assert.deepEqual(treeOf(`${root}/out`), { new: '2' });
  assert.deepEqual(readdirSync(root), ['out']);
});

test('the latest replaced trees are kept under their numbers, the oldest goes', async (t) => {
  const root = temporaryDirectory(t);
  for (const version of ['1', '2', '3', '4']) {
    await publishDirectory(`${root}/out`, (stage) => stage.write('v', version), {
      ifExists: 'replace',
      keepPrevious: 2,
    });
  }
  assert.deepEqual(readdirSync(root), ['out', 'out.previous-2', 'out.previous-3']);
  assert.deepEqual(treeOf(`${root}/out.previous-3`), { v: '3' });
  assert.deepEqual(treeOf(`${root}/out.previous-2`), { v: '2' });
});

test('an error of fill reaches the caller as the cause, and leaves nothing', async (t) => {
  const root = temporaryDirectory(t);
  const mine = new Error('tile 2 is broken');
  await assert.rejects(
    publishDirectory(`${root}/out`, async (stage) => {
      await stage.write('a', '1');
      throw mine;
    }),
    (error: HoldfastError) =>
      holdfastError('UPDATER_FAILED')(error) && error.cause === mine && error.others.length === 0,
  );
  assert.deepEqual(readdirSync(root), []);
});

test('when one of many writers fails the others settle before cleanup, and the first error is told', async (t) => {
  const root = temporaryDirectory(t);
  for (let round = 0; round < 100; round += 1) {
    const first = new Error('the first');
    const second = new Error('the second');
    let late = 0;
    await assert.rejects(
      publishDirectory(`${root}/out`, async (stage) => {
        let bothRun: () => void = () => undefined;
        const barrier = new Promise<void>((resolve) => (bothRun = resolve));
        await stage.spawn(async () => {
          await barrier;
          throw first;
        });
        await stage.spawn(async () => {
          bothRun();
          for (let turn = 0; turn < round % 7; turn += 1) await setImmediate();
          // Still writing when the first has failed and cleanup is what comes next.
          for (let file = 0; file < 3; file += 1) {
            writeFileSync(`${stage.path}/late-${file}`, 'x');
            late += 1;
            await setImmediate();
          }
          throw second;
        });
      }),
      (error: HoldfastError) => {
        holdfastError('UPDATER_FAILED')(error);
        assert.equal(error.cause, first);
        assert.deepEqual(error.others, [second]);
        return true;
      },
    );
    assert.equal(late, 3);
    assert.deepEqual(readdirSync(root), []);
  }
});

test('a task that nobody awaits is awaited by the publish, and fails it', async (t) => {
  const root = temporaryDirectory(t);
  await assert.rejects(
    publishDirectory(`${root}/out`, (stage) => {
      void stage.spawn(async () => {
        await setImmediate();
        throw new Error('late');
      });
    }),
    holdfastError('UPDATER_FAILED'),
  );
  await publishDirectory(`${root}/out`, (stage) => {
    void stage.spawn(async () => {
      await setImmediate();
      await stage.write('late', '1');
    });
  });
  assert.deepEqual(treeOf(`${root}/out`), { late: '1' });
});

test('no more tasks run than the limit, and tasks that spawn tasks do not wait for themselves', async (t) => {
  const root = temporaryDirectory(t);
  let running = 0;
  let most = 0;
  await publishDirectory(
    `${root}/out`,
    async (stage) => {
      const work = async (): Promise<void> => {
        running += 1;
        most = Math.max(most, running);
        await setImmediate();
        running -= 1;
      };
      for (let task = 0; task < 10; task += 1) {
        await stage.spawn(async () => {
          await stage.spawn(work);
          await work();
        });
      }
    },
    { concurrency: 2 },
  );
  assert.equal(most, 2);
});

test('a write after the publish is refused and changes nothing', async (t) => {
  const root = temporaryDirectory(t);
  const stage = (await publishDirectory(`${root}/out`, (given) => given)).value;
  await assert.rejects(stage.write('late', '1'));
  await assert.rejects(stage.spawn(async () => undefined));
  assert.deepEqual(readdirSync(`${root}/out`), []);
});

test('a cancelled publish waits for its tasks and leaves nothing', async (t) => {
  const root = temporaryDirectory(t);
  const controller = new AbortController();
  const reason = new Error('enough');
  let ended = false;
  await assert.rejects(
    publishDirectory(
      `${root}/out`,
      async (stage) => {
        await stage.spawn(async () => {
          await new Promise<void>((resolve) =>
            stage.signal.addEventListener('abort', () => resolve()),
          );
          await setImmediate();
          ended = true;
        });
        controller.abort(reason);
        await stage.write('a', '1');
      },
      { signal: controller.signal },
    ),
    (error: HoldfastError) => holdfastError('ABORTED')(error) && error.cause === reason,
  );
  assert.equal(ended, true);
  assert.deepEqual(readdirSync(root), []);
});

for (const [asked, options] of Object.entries({
  'nothing to be replaced': { ifExists: 'fail' },
  'to be told': { ifExists: 'replace', ifChanged: 'fail' },
} as const)) {
  test(`of two publishers of a new target who ask for ${asked} one wins, the other is told, nothing mixes`, async (t) => {
    const root = temporaryDirectory(t);
    const outcomes = await Promise.allSettled(
      ['one', 'two'].map((name) =>
        publishDirectory(`${root}/out`, (stage) => stage.write(name, name), options),
      ),
    );
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(lost.length, 1);
    holdfastError(options.ifExists === 'fail' ? 'ALREADY_EXISTS' : 'TARGET_CHANGED')(
      lost[0]?.reason,
    );
    assert.equal(readdirSync(`${root}/out`).length, 1);
    assert.deepEqual(readdirSync(root), ['out']);
  });
}

test('a server that refuses a full target with EPERM (sshfs) has refused it all the same', async (t) => {
  const root = temporaryDirectory(t);
  const refusing: Fs = {
    ...nodeFileSystem,
    rename: (from, to) =>
      nodeFileSystem.rename(from, to).catch(() => {
        throw systemError(1, 'rename', from);
      }),
  };
  const publishInto = (path: string): Promise<unknown> =>
    publishDirectory(
      path,
      (stage) => {
        writeFileSync(`${stage.path}/mine`, '');
        mkdirSync(`${path}/other`, { recursive: true });
      },
      { fs: refusing },
    );
  await assert.rejects(publishInto(`${root}/out`), holdfastError('ALREADY_EXISTS'));
  assert.deepEqual(readdirSync(root), ['out']);
});

for (const there of [true, false]) {
  test(`many publishers that replace ${there ? 'one tree' : 'what one of them makes'} all succeed in turn, each what the one before has made`, async (t) => {
    const root = temporaryDirectory(t);
    if (there) await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
    const names = Array.from({ length: 8 }, (_, index) => `new-${index}`);
    await Promise.all(
      names.map((name) =>
        publishDirectory(`${root}/out`, (stage) => stage.write(name, ''), {
          ifExists: 'replace',
          keepPrevious: 20,
        }),
      ),
    );
    const trees = readdirSync(root).map((name) => readdirSync(`${root}/${name}`));
    assert.deepEqual(trees.flat().toSorted(), there ? [...names, 'old'] : names);
    assert.ok(trees.every((tree) => tree.length === 1));
  });
}

test('a tree that is there when it is published and gone when it is looked for is one of another publisher', async (t) => {
  const root = temporaryDirectory(t);
  let theirs = 'comes';
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path, args }) => {
      if (theirs === 'comes' && name === 'rename' && args[1] === `${root}/out`) {
        theirs = 'there';
        mkdirSync(`${root}/out/theirs`, { recursive: true });
      } else if (theirs === 'there' && name === 'lstat' && path === `${root}/out`) {
        theirs = 'gone';
        rmSync(path, { recursive: true });
      }
      return undefined;
    },
  });
  await publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), {
    ifExists: 'replace',
    fs,
  });
  assert.deepEqual([theirs, readdirSync(`${root}/out`)], ['gone', ['new']]);
});

test('a tree that goes right before it is opened is none', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  let isGone = false;
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path }) => {
      if (!isGone && name === 'openDirectory' && path === `${root}/out`) {
        isGone = true;
        rmSync(path, { recursive: true });
      }
      return undefined;
    },
  });
  await publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), { fs });
  assert.deepEqual([isGone, readdirSync(`${root}/out`)], [true, ['new']]);
});

test('processes that replace one tree all succeed in turn, and nothing of theirs is left but the last tree', async (t) => {
  const root = temporaryDirectory(t);
  const script = `
    import { publishDirectory } from 'holdfast';
    const [, path, name] = process.argv;
    for (let round = 0; round < 5; round += 1)
      await publishDirectory(path, (stage) => stage.write(name, String(round)), { ifExists: 'replace' });
    console.log('done');`;
  const processes = ['a', 'b', 'c'].map((name) => startScript(t, script, [`${root}/out`, name]));
  for (const started of processes) assert.equal(await started.nextLine(), 'done');
  assert.deepEqual(readdirSync(root), ['out']);
  const [last = '', ...others] = readdirSync(`${root}/out`);
  assert.deepEqual(others, []);
  assert.equal(readFileSync(`${root}/out/${last}`, 'utf8'), '4');
});

test('of many publishers who ask to be told one wins, nothing mixes', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const names = Array.from({ length: 8 }, (_, index) => `new-${index}`);
  const options = { ifExists: 'replace', ifChanged: 'fail' } as const;
  const outcomes = await Promise.allSettled(
    names.map((name) => publishDirectory(`${root}/out`, (stage) => stage.write(name, ''), options)),
  );
  const won = outcomes.flatMap(({ status }, index) =>
    status === 'fulfilled' ? [names[index]] : [],
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') holdfastError('TARGET_CHANGED')(outcome.reason);
  }
  assert.equal(won.length, 1);
  assert.deepEqual(readdirSync(`${root}/out`), won);
  assert.deepEqual(readdirSync(root), ['out']);
});

test('a target that another program replaced meanwhile is, on request, left as that program made it', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const exchanged: (string | undefined)[] = [];
  const fs = observeFs(nodeFileSystem, {
    before: ({ call, to }) => void (call === 'exchange' && exchanged.push(to)),
  });
  await assert.rejects(
    publishDirectory(
      `${root}/out`,
      async (stage) => {
        rmSync(`${root}/out`, { recursive: true });
        mkdirSync(`${root}/out`);
        writeFileSync(`${root}/out/theirs`, '');
        await stage.write('new', '');
      },
      { ifExists: 'replace', ifChanged: 'fail', fs },
    ),
    holdfastError('TARGET_CHANGED'),
  );
  assert.deepEqual(readdirSync(root), ['out']);
  assert.deepEqual(readdirSync(`${root}/out`), ['theirs']);
  assert.equal(exchanged.includes(`${root}/out`), false, 'their tree was never out of its place');
});

test('a tree that another program put there right before the exchange is, on request, put back', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  let done = false;
  const fs = observeFs(nodeFileSystem, {
    before: ({ call, to }) => {
      if (call !== 'exchange' || to !== `${root}/out` || done) return;
      done = true;
      execFileSync('mv', [`${root}/out`, `${root}/aside`]);
      mkdirSync(`${root}/out`);
      writeFileSync(`${root}/out/theirs`, '');
    },
  });
  await assert.rejects(
    publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), {
      ifExists: 'replace',
      ifChanged: 'fail',
      fs,
    }),
    holdfastError('TARGET_CHANGED'),
  );
  assert.deepEqual(readdirSync(root), ['aside', 'out']);
  assert.deepEqual(readdirSync(`${root}/out`), ['theirs']);
});

test('a FIFO in the stage is refused, a symlink is kept and not followed', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/outside`);
  writeFileSync(`${root}/outside/file`, 'untouched');
  await assert.rejects(
    publishDirectory(`${root}/out`, (stage) => {
      symlinkSync(`${root}/outside`, `${stage.path}/link`);
      execFileSync('mkfifo', [`${stage.path}/fifo`]);
    }),
    holdfastError('UNSUPPORTED_TARGET'),
  );
  assert.deepEqual(readdirSync(root), ['outside']);
  assert.deepEqual(treeOf(`${root}/outside`), { file: 'untouched' });
});

test('a socket in the stage is refused', async (t) => {
  const root = temporaryDirectory(t);
  const server = createServer();
  t.after(() => server.close());
  await assert.rejects(
    publishDirectory(`${root}/out`, async (stage) => {
      server.listen(`${stage.path}/socket`);
      await once(server, 'listening');
    }),
    holdfastError('UNSUPPORTED_TARGET'),
  );
  assert.deepEqual(readdirSync(root), []);
});

test('a path that leaves the stage is refused, through a symlink too', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/outside`);
  for (const path of ['../x', '/x', 'a/../../x', 'link/x', 'a//b', './a']) {
    await assert.rejects(
      publishDirectory(`${root}/out`, (stage) => {
        symlinkSync(`${root}/outside`, `${stage.path}/link`);
        return stage.write(path, 'x');
      }),
      holdfastError('PATH_ESCAPES'),
      path,
    );
  }
  assert.deepEqual(readdirSync(root), ['outside']);
  assert.deepEqual(readdirSync(`${root}/outside`), []);
});

test('two writes of one file fail the publish', async (t) => {
  const root = temporaryDirectory(t);
  await assert.rejects(
    publishDirectory(`${root}/out`, async (stage) => {
      await stage.write('a', '1');
      await stage.write('a', '2');
    }),
    holdfastError('ALREADY_EXISTS'),
  );
});

test('every step that fails leaves the old tree or the new one, and says which', async (t) => {
  const root = temporaryDirectory(t);
  for (const sync of ['each', 'filesystem'] as const) {
    for (let failing = 0; ; failing += 1) {
      await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''), {
        ifExists: 'replace',
      });
      let failed: string | undefined;
      const fs = observeFs(nodeFileSystem, {
        before: ({ index, call, path }) => {
          if (index !== failing) return;
          failed = call;
          throw systemError(5, call, path);
        },
      });
      const outcome = await publishDirectory(
        `${root}/out`,
        async (stage) => {
          await stage.write('new', '1');
          await stage.write('sub/new', '2');
        },
        { ifExists: 'replace', sync, fs },
      ).catch((error: unknown) => error);
      const names = readdirSync(`${root}/out`);
      const where = `step ${failing}, ${failed}`;
      if (isHoldfastError(outcome) && outcome.outcome === 'unchanged') {
        assert.deepEqual(names, ['old'], where);
      } else {
        assert.deepEqual(names, ['new', 'sub'], where);
        assert.ok(!(outcome instanceof Error) || isHoldfastError(outcome), where);
      }
      await publishDirectory(`${root}/out`, () => undefined, { ifExists: 'replace' });
      assert.deepEqual(readdirSync(root), ['out'], where);
      if (failed === undefined) break;
    }
  }
});

test(
  'a name in a stage leads to the stage that was made, on any thread, whatever takes its name',
  { skip: process.platform === 'linux' ? false : 'Linux alone is known to have such paths' },
  async (t) => {
    const root = temporaryDirectory(t);
    mkdirSync(`${root}/outside`);
    const publish = publishDirectory(`${root}/out`, async (stage) => {
      renameSync(stage.path, `${root}/away`);
      symlinkSync(`${root}/outside`, stage.path);
      writeFileSync(stage.at('here'), '');
      const script = `require('node:fs').writeFileSync(require('node:worker_threads').workerData, '')`;
      const thread = new Worker(script, { eval: true, workerData: stage.at('there') });
      await once(thread, 'exit');
      assert.deepEqual(readdirSync(stage.at('.')).toSorted(), ['here', 'there']);
    });
    await assert.rejects(publish, holdfastError('TARGET_CHANGED'));
    assert.deepEqual(readdirSync(`${root}/outside`), []);
    assert.deepEqual(readdirSync(`${root}/away`).toSorted(), ['here', 'there']);
    assert.ok(!existsSync(`${root}/out`));
  },
);

for (const [way, options] of [
  ['onto nothing', {}],
  ['by an exchange', { ifExists: 'replace' }],
  ['by two renames', { ifExists: 'replace', withoutExchange: 'twoRenames' }],
] as const) {
  test(
    `a publish ${way} of what was put in the place of the stage is never a success`,
    { skip: process.platform === 'linux' ? false : 'an open directory keeps its name elsewhere' },
    async (t) => {
      for (const instant of ['while it is filled', 'at the rename']) {
        const root = temporaryDirectory(t);
        const commit = way === 'by an exchange' ? 'exchange' : 'rename';
        if ('ifExists' in options) mkdirSync(`${root}/out/old`, { recursive: true });
        const exchange = (): void => {
          const [name = ''] = readdirSync(root).filter((each) => /\.staging-[^.]*$/u.test(each));
          if (name === '') return;
          renameSync(`${root}/${name}`, `${root}/away`);
          mkdirSync(`${root}/${name}/theirs`, { recursive: true });
        };
        const fs = interceptFs(nodeFileSystem, {
          before: ({ name, args: [from, to] }) => {
            const isCommit = name === commit && String(to).endsWith('/out');
            const isOfStage = /\.staging-[^.]*$/u.test(String(from));
            if (instant === 'at the rename' && isCommit && isOfStage) exchange();
            if (name === 'exchange' && way === 'by two renames')
              return { throws: systemError(22, 'exchange', String(from)) };
            return undefined;
          },
        });
        const fill = async (stage: Stage): Promise<void> => {
          await stage.write('ours', '');
          if (instant === 'while it is filled') exchange();
        };
        const outcome = instant === 'at the rename' ? 'unknown' : 'unchanged';
        await assert.rejects(
          publishDirectory(`${root}/out`, fill, { ...options, fs }),
          holdfastError('TARGET_CHANGED', outcome),
        );
        if (outcome === 'unchanged' && 'ifExists' in options)
          assert.deepEqual(readdirSync(`${root}/out`), ['old']);
      }
    },
  );
}

test('a name in a stage is one name, and leads there while the stage is filled', async (t) => {
  const root = temporaryDirectory(t);
  let late: Stage | undefined;
  await publishDirectory(`${root}/out`, (stage) => {
    late = stage;
    writeFileSync(stage.at('file'), 'x');
    for (const name of ['..', '../out', '/tmp', 'sub/file', './file'])
      assert.throws(() => stage.at(name), holdfastError('PATH_ESCAPES'), name);
    for (const name of ['', 'a\0b', undefined as unknown as string])
      assert.throws(() => stage.at(name), holdfastError('INVALID_ARGUMENT'));
  });
  assert.deepEqual(treeOf(`${root}/out`), { file: 'x' });
  assert.throws(() => late?.at('file'), holdfastError('INVALID_ARGUMENT'));
});

test("a caller's own call on a name in a stage fails with the path as people know it", async (t) => {
  const root = temporaryDirectory(t);
  let path = '';
  const publish = publishDirectory(`${root}/out`, (stage) => {
    path = `${stage.path}/missing`;
    readFileSync(stage.at('missing'));
  });
  await assert.rejects(publish, (error) => {
    const { cause } = error as { cause?: NodeJS.ErrnoException };
    assert.equal(cause?.path?.replaceAll('\\', '/'), path);
    for (const text of [(error as Error).message, cause.message, cause.stack])
      assert.doesNotMatch(String(text), /\/proc\/|\.vol/u);
    return isHoldfastError(error, 'UPDATER_FAILED');
  });
});

test('a failed run with resume keeps its stage, and the next one goes on from it', async (t) => {
  const root = temporaryDirectory(t);
  const attempt = (fail: boolean): Promise<unknown> =>
    publishDirectory(
      `${root}/out`,
      async (stage) => {
        if (stage.resumed) assert.deepEqual(treeOf(stage.path), { first: '1' });
        else await stage.write('first', '1');
        if (fail) throw new Error('power is cheap, work is not');
        await stage.write('first', '2', { overwrite: true });
        await stage.write('second', '2');
        return stage.resumed;
      },
      { resume: true, ifExists: 'replace' },
    );
  await assert.rejects(attempt(true), holdfastError('UPDATER_FAILED'));
  await assert.rejects(attempt(true), holdfastError('UPDATER_FAILED'));
  assert.deepEqual(readdirSync(root), ['.out.staging-resume']);
  await attempt(false);
  assert.deepEqual(readdirSync(root), ['out']);
  assert.deepEqual(treeOf(`${root}/out`), { first: '2', second: '2' });
});

test('a first publish with resume keeps its stage to be resumed up to the rename that publishes it', async (t) => {
  const root = temporaryDirectory(t);
  const atRename: string[][] = [];
  const fs = observeFs(nodeFileSystem, {
    before: ({ call }) => {
      // On Windows the lock of the stage lies beside it.
      const names = readdirSync(root).filter((name) => !name.endsWith('.owner'));
      if (call === 'rename') atRename.push(names);
    },
  });
  await publishDirectory(`${root}/out`, (stage) => stage.write('a', '1'), { resume: true, fs });
  assert.deepEqual(atRename, [['.out.staging-resume']]);
  assert.deepEqual(treeOf(`${root}/out`), { a: '1' });
});

test('a stage to be resumed is taken over by one run at a time, and not after a failed sync', async (t) => {
  const root = temporaryDirectory(t);
  await assert.rejects(
    publishDirectory(
      `${root}/out`,
      () => publishDirectory(`${root}/out`, () => undefined, { resume: true }),
      { resume: true },
    ),
    holdfastError('LOCK_TIMEOUT'),
  );
  const fs = observeFs(nodeFileSystem, {
    before: ({ call, path }) => {
      if (call === 'sync') throw systemError(5, 'fsync', path);
    },
  });
  await assert.rejects(
    publishDirectory(`${root}/out`, (stage) => stage.write('a', '1'), { resume: true, fs }),
    holdfastError('SYNC_FAILED'),
  );
  assert.deepEqual(readdirSync(root), []);
});

test('a replaced directory keeps its mode, also one that its owner may not write', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  chmodSync(`${root}/out`, 0o551);
  await publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), { ifExists: 'replace' });
  assert.equal(statSync(`${root}/out`).mode & 0o7777, 0o551);
  await publishDirectory(`${root}/out`, (stage) => chmodSync(stage.path, 0o750), {
    ifExists: 'replace',
  });
  assert.equal(statSync(`${root}/out`).mode & 0o7777, 0o750, 'unless fill sets another');
  assert.deepEqual(readdirSync(root), ['out']);
});

test('a stream is written piece by piece, and its own failure is told', async (t) => {
  const root = temporaryDirectory(t);
  const pieces = async function* (fail: boolean): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode('one ');
    await setImmediate();
    if (fail) throw new Error('the source is gone');
    yield new TextEncoder().encode('two');
  };
  await assert.rejects(
    publishDirectory(`${root}/out`, (stage) => stage.write('a', pieces(true))),
    holdfastError('UPDATER_FAILED'),
  );
  await publishDirectory(`${root}/out`, (stage) => stage.write('a', pieces(false)));
  assert.deepEqual(treeOf(`${root}/out`), { a: 'one two' });
});

/** A filesystem like NFS: it has no exchange. */
function withoutExchange(fs: Fs = nodeFileSystem): Fs {
  return observeFs(fs, {
    before: ({ call, path }) => {
      if (call === 'exchange') throw systemError(22, 'renameat2', path);
    },
  });
}

test('without an exchange a tree is replaced by two renames when asked for by name, else refused', async (t) => {
  const root = temporaryDirectory(t);
  const fs = withoutExchange();
  const publish = (name: string, options: PublishDirectoryOptions = {}): Promise<unknown> =>
    publishDirectory(`${root}/out`, (stage) => stage.write(name, ''), {
      ifExists: 'replace',
      fs,
      ...options,
    });
  await publish('old');
  let filled = false;
  await assert.rejects(
    publishDirectory(`${root}/out`, () => void (filled = true), {
      ifExists: 'replace',
      withoutExchange: 'fail',
      fs,
    }),
    holdfastError('UNSUPPORTED_PLATFORM'),
  );
  assert.equal(filled, false, 'refused before fill runs');
  assert.deepEqual(readdirSync(`${root}/out`), ['old']);
  assert.deepEqual(readdirSync(root), ['out']);
  await publish('new', { withoutExchange: 'twoRenames', keepPrevious: 1 });
  assert.deepEqual(readdirSync(`${root}/out`), ['new']);
  assert.deepEqual(readdirSync(root), ['out', 'out.previous-1']);
});

test('when the second of two renames fails, the first is taken back', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const fs = withoutExchange(
    observeFs(nodeFileSystem, {
      before: ({ call, path, to }) => {
        if (call === 'rename' && to === `${root}/out` && /staging-[0-9a-f]+$/u.test(path)) {
          throw systemError(28, 'rename', path);
        }
      },
    }),
  );
  await assert.rejects(
    publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), {
      ifExists: 'replace',
      withoutExchange: 'twoRenames',
      fs,
    }),
    holdfastError('NO_SPACE'),
  );
  assert.deepEqual(readdirSync(`${root}/out`), ['old']);
  assert.deepEqual(readdirSync(root), ['out']);
});

test('a run with resume whose publish fails keeps its stage for the next one', async (t) => {
  const root = temporaryDirectory(t);
  const publish = (fs: Fs): Promise<unknown> =>
    publishDirectory(
      `${root}/out`,
      async (stage) => {
        if (!stage.resumed) await stage.write('new', '');
        return stage.resumed;
      },
      { resume: true, ifExists: 'replace', fs },
    ).then(({ value }) => value);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const failing = observeFs(nodeFileSystem, {
    before: ({ call, path, to }) => {
      if (call === 'exchange' && to === `${root}/out`) throw systemError(5, call, path);
    },
  });
  await assert.rejects(publish(failing), holdfastError('IO'));
  assert.deepEqual(readdirSync(root), ['.out.staging-resume', 'out']);
  assert.deepEqual(readdirSync(`${root}/out`), ['old']);
  assert.equal(await publish(nodeFileSystem), true);
  assert.deepEqual(readdirSync(`${root}/out`), ['new']);
});

test(
  'what takes the place of a staged file before it is synced is neither followed nor waited for',
  { skip: process.platform === 'win32' },
  async (t) => {
    const root = temporaryDirectory(t);
    writeFileSync(`${root}/outside`, '');
    for (const exchange of [
      (path: string) => symlinkSync(`${root}/outside`, path),
      (path: string) => void execFileSync('mkfifo', [path]),
    ]) {
      const fs = interceptFs(nodeFileSystem, {
        before: ({ name, path, args }) => {
          const { access } = (args[1] ?? {}) as { readonly access?: string };
          if (name !== 'open' || access !== 'read' || !path.endsWith('/a')) return undefined;
          rmSync(path);
          exchange(path);
          return undefined;
        },
      });
      await assert.rejects(
        publishDirectory(`${root}/out`, (stage) => stage.write('a', ''), { fs, sync: 'each' }),
        (error) => isHoldfastError(error) && error.outcome === 'unchanged',
      );
      assert.deepEqual(readdirSync(root), ['outside']);
    }
  },
);

test('a target that another program keeps locked is given up in the end, and stays', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  let nowMs = 0;
  let asked = 0;
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path }) => {
      if (name !== 'tryLock' || path !== `${root}/out`) return undefined;
      asked += 1;
      nowMs += 1000;
      return asked > 99 ? { throws: new Error('asked for ever') } : undefined;
    },
  });
  const holder = await nodeFileSystem.openDirectory(`${root}/out`);
  assert.ok(holder.tryLock('exclusive'));
  t.mock.method(performance, 'now', () => nowMs);
  await assert.rejects(
    publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), { ifExists: 'replace', fs }),
    holdfastError('TARGET_CHANGED'),
  );
  assert.deepEqual(readdirSync(`${root}/out`), ['old']);
  await holder.close();
});

test('a replaced tree is marked as no longer whole, durably, before its first file goes', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const steps: string[] = [];
  const fs = withoutExchange(
    observeFs(nodeFileSystem, {
      after: ({ call, path }) => {
        const [, below] = /\.aside-\d+(.*)/u.exec(path) ?? [];
        if (below !== undefined) steps.push(call + below);
        else if (steps.length > 0) steps.push(call + path.replace(/^.*\//u, '/'));
      },
    }),
  );
  await publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), {
    ifExists: 'replace',
    withoutExchange: 'twoRenames',
    fs,
  });
  const mark = '/.holdfast-discarded';
  assert.deepEqual(steps.slice(0, 5), [`open${mark}`, 'sync', 'unlink/old', 'sync', 'rename']);
  // What is left of it goes under a name by which it is nobody's old tree, once that is durable.
  assert.deepEqual(steps.slice(5, 7), [`sync/${basename(root)}`, `unlink${mark}`]);
  assert.deepEqual(readdirSync(root), ['out']);
});

test('where other machines may rename things, names are asked for again after each lock and rename', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const calls: string[] = [];
  const fs = onNfs(
    withoutExchange(
      interceptFs(nodeFileSystem, {
        before: ({ name, path }) => {
          calls.push(`${name} ${path.replace(/\.aside-\d+/u, '.aside')}`);
          return undefined;
        },
      }),
    ),
  );
  await publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), {
    ifExists: 'replace',
    withoutExchange: 'twoRenames',
    fs,
  });
  for (const [change, look] of [
    [`tryLock ${root}/out`, `lstat ${root}/out`],
    [`rename ${root}/out`, 'lstat'],
  ] as const) {
    const since = calls.slice(calls.lastIndexOf(change));
    assert.equal(since[0], change);
    const looksAt = since.findIndex((call) => call.startsWith(look));
    assert.ok(since.slice(0, looksAt).includes(`openDirectory ${root}`), since.join('\n'));
  }
});

test('where other machines may rename things, one that was overtaken asks for the name again', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const calls: string[] = [];
  const fs = onNfs(
    withoutExchange(
      interceptFs(nodeFileSystem, {
        before: ({ name, path }) => {
          calls.push(`${name} ${path}`);
          return undefined;
        },
      }),
    ),
  );
  await publishDirectory(
    `${root}/out`,
    async (stage) => {
      await stage.write('new', '');
      renameSync(`${root}/out`, `${root}/aside`);
      mkdirSync(`${root}/out/theirs`, { recursive: true });
    },
    { ifExists: 'replace', withoutExchange: 'twoRenames', fs },
  );
  assert.deepEqual(readdirSync(`${root}/out`), ['new']);
  const since = calls.slice(calls.indexOf(`tryLock ${root}/out`));
  const look = `lstat ${root}/out`;
  const between = since.slice(since.indexOf(look) + 1);
  assert.ok(between.slice(0, between.indexOf(look)).includes(`openDirectory ${root}`));
});

/**
 * As it looks on a server: what is known of names may be old, and the lock of a directory is its
 * machine's alone.
 */
function onNfs(fs: Fs): Fs {
  return new Proxy(fs, {
    get(inner, name) {
      const member: unknown = Reflect.get(inner, name);
      if (name !== 'statFilesystem') return member;
      return async (path: string) => ({ ...(await inner.statFilesystem(path)), type: 0x6969 });
    },
  });
}
