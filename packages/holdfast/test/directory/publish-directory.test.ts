import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  existsSync,
} from 'node:fs';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import {
  HoldfastError,
  isHoldfastError,
  publishDirectory,
  type Fs,
  type PublishDirectoryOptions,
} from 'holdfast';
import { nodeFileSystem, systemError } from 'holdfast/os';
import { observeFs, temporaryDirectory } from '@holdfast/tools/testing';

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

test('of two publishers of a new target one wins, the other is told, nothing mixes', async (t) => {
  const root = temporaryDirectory(t);
  for (const ifExists of ['fail', 'replace'] as const) {
    const outcomes = await Promise.allSettled(
      ['one', 'two'].map((name) =>
        publishDirectory(`${root}/${ifExists}`, (stage) => stage.write(name, name), { ifExists }),
      ),
    );
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(lost.length, 1);
    holdfastError(ifExists === 'fail' ? 'ALREADY_EXISTS' : 'TARGET_CHANGED')(lost[0]?.reason);
    assert.equal(readdirSync(`${root}/${ifExists}`).length, 1);
  }
  assert.deepEqual(readdirSync(root), ['fail', 'replace']);
});

test('of many publishers that replace one tree one wins, nothing mixes', async (t) => {
  const root = temporaryDirectory(t);
  await publishDirectory(`${root}/out`, (stage) => stage.write('old', ''));
  const names = Array.from({ length: 8 }, (_, index) => `new-${index}`);
  const outcomes = await Promise.allSettled(
    names.map((name) =>
      publishDirectory(`${root}/out`, (stage) => stage.write(name, ''), { ifExists: 'replace' }),
    ),
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

test('a target that another program replaced meanwhile is left as that program made it', async (t) => {
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
      { ifExists: 'replace', fs },
    ),
    holdfastError('TARGET_CHANGED'),
  );
  assert.deepEqual(readdirSync(root), ['out']);
  assert.deepEqual(readdirSync(`${root}/out`), ['theirs']);
  assert.equal(exchanged.includes(`${root}/out`), false, 'their tree was never out of its place');
});

test('a tree that another program put there right before the exchange is put back', async (t) => {
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
    publishDirectory(`${root}/out`, (stage) => stage.write('new', ''), { ifExists: 'replace', fs }),
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
