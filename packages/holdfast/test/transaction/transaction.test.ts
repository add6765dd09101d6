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
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import {
  isHoldfastError,
  publishDirectory,
  readJson,
  transaction,
  updateJson,
  type Stage,
  type Transaction,
} from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { observeFs, type FsStep, type StepObserver } from '@holdfast/crashkit';
import { everyChange, temporaryDirectory } from '@holdfast/tools/testing';

const { after, before, leftovers, setUp, snapshot } = everyChange;

function run(root: string, fs: Fs): Promise<void> {
  return everyChange.run(root, fs, transaction);
}

/** An observer under which the kernel refuses some steps. */
function refusing(code: string, isRefused: (step: FsStep) => boolean | undefined): StepObserver {
  return {
    before: (step) => {
      if (isRefused(step)) throw Object.assign(new Error(`${code}: ${step.path}`), { code });
    },
  };
}

test('a transaction makes every kind of change, and leaves nothing else', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  await run(root, nodeFileSystem);
  assert.deepEqual(snapshot(root), after);
  assert.deepEqual(leftovers(root), []);
});

test('nothing is visible before the commit', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const seen: unknown[] = [];
  const fs = observeFs(nodeFileSystem, {
    before: ({ to }) => {
      if (to?.endsWith('.holdfast-journal')) seen.push(snapshot(root));
    },
  });
  await run(root, fs);
  assert.deepEqual(seen, [before]);
});

test('what the function throws is passed on as it is, and all is discarded', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const reason = new Error('changed my mind');
  const failing = transaction(root, async (tx) => {
    await tx.replaceFile('a.txt', 'x');
    await tx.publishDirectory('new', (stage) => stage.write('f', 'x'));
    throw reason;
  });
  await assert.rejects(failing, (error) => error === reason);
  assert.deepEqual(snapshot(root), before);
  assert.deepEqual(leftovers(root), []);
});

test('a call that nobody awaits is waited for, and its failure fails the transaction', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const slow = async function* (): AsyncGenerator<Uint8Array> {
    await setImmediate();
    yield Buffer.from('slow');
    throw new Error('source broke');
  };
  const failing = transaction(root, (tx) => {
    void tx.replaceFile('a.txt', 'x');
    void tx.replaceFile('deep/b.txt', slow());
  });
  await assert.rejects(failing, (error) => isHoldfastError(error, 'UPDATER_FAILED'));
  assert.deepEqual(snapshot(root), before);
  assert.deepEqual(leftovers(root), []);
});

test('what is under way when the function throws is waited for, and discarded', async (t) => {
  const root = temporaryDirectory(t);
  async function* slow(): AsyncGenerator<Uint8Array> {
    for (let piece = 0; piece < 5; piece += 1) {
      await setImmediate();
      yield new Uint8Array(1);
    }
  }
  let isSettled = false;
  const failing = transaction(root, (tx) => {
    void tx
      .replaceFile('a.txt', slow())
      .catch(() => undefined)
      .finally(() => (isSettled = true));
    throw new Error('of the caller');
  });
  await assert.rejects(failing, { message: 'of the caller' });
  assert.equal(isSettled, true);
  assert.deepEqual(leftovers(root), []);
});

test('a failed call fails the transaction even when its error is caught', async (t) => {
  const root = temporaryDirectory(t);
  const failing = transaction(root, async (tx) => {
    await tx.replaceFile('a', 'x');
    await tx.remove('no/such').catch(() => undefined);
  });
  await assert.rejects(failing, (error) => isHoldfastError(error, 'NOT_FOUND'));
  assert.equal(existsSync(join(root, 'a')), false);
});

test('a transaction that has ended takes no more changes', async (t) => {
  const root = temporaryDirectory(t);
  let kept: Transaction | undefined;
  await transaction(root, (tx) => {
    kept = tx;
  });
  await assert.rejects((kept as Transaction).replaceFile('a', 'x'));
  assert.deepEqual(readdirSync(root), []);
});

type ImpossibleChange = [string, (tx: Transaction, root: string) => Promise<void>, string];

/** A transaction of an impossible change and others fails with a code, and leaves all as it was. */
async function undoesAll(t: TestContext, [what, change, code]: ImpossibleChange): Promise<void> {
  const root = temporaryDirectory(t);
  setUp(root);
  const failing = transaction(root, async (tx) => {
    await tx.replaceFile('deep/fresh.txt', 'x');
    await tx.remove('gonetree');
    await change(tx, root);
  });
  await assert.rejects(failing, (error) => {
    assert.ok(isHoldfastError(error), String(error));
    assert.deepEqual([what, error.code, error.outcome], [what, code, 'unchanged']);
    return true;
  });
  assert.deepEqual({ ...snapshot(root), 'late/theirs': '' }, { ...before, 'late/theirs': '' });
  assert.deepEqual(leftovers(root), []);
}

test('what the disk shows at the commit decides: each impossible change undoes all', async (t) => {
  const cases: ImpossibleChange[] = [
    ['remove what is gone', (tx) => tx.remove('nothing'), 'NOT_FOUND'],
    ['rename onto what exists', (tx) => tx.rename('from.txt', 'deep/b.txt'), 'ALREADY_EXISTS'],
    ['rename what is gone', (tx) => tx.rename('nothing', 'to'), 'NOT_FOUND'],
    [
      'make what exists',
      (tx) => tx.replaceFile('a.txt', 'x', { ifExists: 'fail' }),
      'ALREADY_EXISTS',
    ],
    ['publish onto a tree', (tx) => tx.publishDirectory('tree', () => undefined), 'ALREADY_EXISTS'],
    ['replace a directory', (tx) => tx.replaceFile('tree', 'x'), 'UNSUPPORTED_TARGET'],
    [
      'replace what became a directory',
      async (tx, root) => {
        await tx.replaceFile('late', 'x');
        mkdirSync(join(root, 'late'));
      },
      'TARGET_CHANGED',
    ],
    [
      'publish onto what appeared',
      async (tx, root) => {
        await tx.publishDirectory('late', () => undefined);
        mkdirSync(join(root, 'late'));
        writeFileSync(join(root, 'late/theirs'), '');
      },
      'TARGET_CHANGED',
    ],
  ];
  for (const each of cases) await undoesAll(t, each);
});

test('what somebody destroyed before it was published undoes all', async (t) => {
  const change = async (tx: Transaction, root: string): Promise<void> => {
    await tx.replaceFile('deep/b.txt', 'x');
    const staged = readdirSync(join(root, 'deep')).find((name) => name.endsWith('.tmp'));
    await nodeFileSystem.unlink(join(root, 'deep', staged as string));
  };
  await undoesAll(t, ['publish what somebody destroyed', change, 'TARGET_CHANGED']);
});

test('a removed symlink goes, what it leads to stays', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'kept'), 'kept');
  symlinkSync('kept', join(root, 'link'));
  symlinkSync('no/where', join(root, 'dangling'));
  await transaction(root, async (tx) => {
    await tx.remove('link');
    await tx.rename('dangling', 'renamed');
  });
  assert.deepEqual(
    readdirSync(root).filter((name) => !name.endsWith('.lock')),
    ['kept', 'renamed'],
  );
  assert.ok(lstatSync(join(root, 'renamed')).isSymbolicLink());
});

test('a replaced file keeps its mode, a new one takes the mode given', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'secret'), 'old');
  chmodSync(join(root, 'secret'), 0o600);
  await transaction(root, async (tx) => {
    await tx.replaceFile('secret', 'new');
    await tx.replaceFile('script', '#!/bin/sh', { mode: 0o755 });
    await tx.updateJson('private.json', () => undefined, { initial: {}, mode: 0o600 });
  });
  assert.equal(statSync(join(root, 'secret')).mode & 0o7777, 0o600);
  assert.equal(statSync(join(root, 'script')).mode & 0o7777, 0o755);
  assert.equal(statSync(join(root, 'private.json')).mode & 0o7777, 0o600);
  assert.equal(readFileSync(join(root, 'secret'), 'utf8'), 'new');
});

test('an aborted transaction changes nothing', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const controller = new AbortController();
  const failing = transaction(
    root,
    async (tx) => {
      await tx.replaceFile('a.txt', 'x');
      controller.abort(new Error('enough'));
    },
    { signal: controller.signal },
  );
  await assert.rejects(failing, (error) => isHoldfastError(error, 'ABORTED'));
  assert.deepEqual(snapshot(root), before);
  assert.deepEqual(leftovers(root), []);
});

test('a move that the kernel refuses after the commit point is taken back with all others', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const fs = observeFs(
    nodeFileSystem,
    refusing('EPERM', ({ to }) => to?.endsWith('/other') === true),
  );
  const failing = transaction(
    root,
    async (tx) => {
      await tx.replaceFile('a.txt', 'x');
      await tx.remove('gonetree');
      await tx.remove('gone.txt');
      await tx.rename('from.txt', 'deep/to.txt');
      await tx.replaceFile('deep/fresh.txt', 'x');
      await tx.publishDirectory('tree', (stage) => stage.write('n', ''), { ifExists: 'replace' });
      await tx.publishDirectory('other', (stage) => stage.write('n', ''));
    },
    { fs },
  );
  await assert.rejects(failing, (error) => {
    assert.ok(isHoldfastError(error, 'IO'));
    assert.equal(error.outcome, 'unchanged');
    return true;
  });
  assert.deepEqual(snapshot(root), before);
  assert.deepEqual(leftovers(root), []);
});

test('where the kernel cannot exchange, the journal makes other ways safe', async (t) => {
  const noExchange = refusing('EINVAL', ({ call }) => call === 'exchange');
  const noLink = refusing('EINVAL', ({ call }) => call === 'exchange' || call === 'link');
  for (const observer of [noExchange, noLink]) {
    const root = temporaryDirectory(t);
    setUp(root);
    await run(root, observeFs(nodeFileSystem, observer));
    assert.deepEqual(snapshot(root), after);
    assert.deepEqual(leftovers(root), []);
  }
});

test('a file that cannot leave its directory is taken back, and has only its old name', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const fs = observeFs(
    nodeFileSystem,
    refusing('EPERM', ({ call, path }) => call === 'unlink' && path.endsWith('/from.txt')),
  );
  await assert.rejects(run(root, fs), (error) => {
    assert.ok(isHoldfastError(error));
    return error.outcome === 'unchanged';
  });
  assert.deepEqual(snapshot(root), before);
  assert.deepEqual(leftovers(root), []);
});

test('a file that goes to another directory has its new name durably before it loses the old one', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const steps: string[] = [];
  const observer: StepObserver = {
    before: ({ call, path, to = path }) => void steps.push(`${call} ${to.slice(root.length)}`),
  };
  await run(root, observeFs(nodeFileSystem, observer));
  const since = steps.slice(steps.indexOf('link /deep/to.txt'));
  const places = ['link /deep/to.txt', 'sync /deep', 'unlink /from.txt'].map((step) =>
    since.indexOf(step),
  );
  assert.deepEqual(places, [0, 1, 2]);
});

test('a file goes to another directory where files cannot have two names', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  await run(
    root,
    observeFs(
      nodeFileSystem,
      refusing('EPERM', ({ call }) => call === 'link'),
    ),
  );
  assert.deepEqual(snapshot(root), after);
});

test('without an exchange, too, a refused move is taken back with all others', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const observer = refusing(
    'EINVAL',
    ({ call, to }) => call === 'exchange' || (call === 'rename' && to?.endsWith('/freshtree')),
  );
  await assertTakenBack(root, observer);
});

test('without an exchange, a file whose replacement is refused is left with one name', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const observer = refusing(
    'EINVAL',
    ({ call, to }) => call === 'exchange' || (call === 'rename' && to?.endsWith('/b.txt')),
  );
  await assertTakenBack(root, observer);
  assert.equal(statSync(join(root, 'deep/b.txt')).nlink, 1);
});

test('a path with a slash at its end names a directory, and so no file that could be replaced', async (t) => {
  const root = temporaryDirectory(t);
  const isRefused = (error: unknown): boolean => isHoldfastError(error, 'UNSUPPORTED_TARGET');
  await assert.rejects(
    transaction(root, (tx) => tx.replaceFile('a/', 'x')),
    isRefused,
  );
  await assert.rejects(
    transaction(root, (tx) => tx.updateJson('a/', () => undefined)),
    isRefused,
  );
  await transaction(root, (tx) => tx.publishDirectory('a/', (stage) => stage.write('b', 'x')));
  assert.equal(readFileSync(join(root, 'a/b'), 'utf8'), 'x');
});

test('what comes when all is over is refused by a typed error, and does nothing', async (t) => {
  const root = temporaryDirectory(t);
  const isLate = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');
  let late: Transaction | undefined;
  await transaction(root, (tx) => {
    late = tx;
  });
  await assert.rejects(async () => late?.replaceFile('a', 'x'), isLate);
  let stage: Stage | undefined;
  await publishDirectory(join(root, 'd'), (given) => {
    stage = given;
  });
  await assert.rejects(async () => stage?.write('a', 'x'), isLate);
  assert.deepEqual(readdirSync(join(root, 'd')), []);
});

test('options that do not exist are refused', async (t) => {
  const root = temporaryDirectory(t);
  const misspelt = { timeout: 5 } as object;
  await assert.rejects(
    transaction(root, () => undefined, misspelt),
    (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
  await assert.rejects(
    transaction(root, (tx) => tx.replaceFile('a', 'x', { mod: 1 } as object)),
    (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
});

test('updaters run at the commit, in the order of their calls, and may pass on what they find', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'inbox.json'), '["first","second"]');
  let taken: string | undefined;
  await transaction(root, async (tx) => {
    await tx.updateJson<string[]>('inbox.json', (inbox) => {
      taken = inbox.shift();
    });
    await tx.updateJson<{ log: string[] }>(
      'archive.json',
      (archive) => {
        archive.log.push(taken as string);
      },
      { initial: { log: [] } },
    );
    assert.equal(taken, undefined);
  });
  assert.deepEqual(await readJson(join(root, 'inbox.json')), ['second']);
  assert.deepEqual(await readJson(join(root, 'archive.json')), { log: ['first'] });
  assert.deepEqual(leftovers(root), []);
});

test('an updater that throws undoes the whole transaction', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'a.json'), '{"n":1}');
  const reason = new Error('no');
  const failing = transaction(root, async (tx) => {
    await tx.updateJson('a.json', (value) => void (value['n'] = 2));
    await tx.updateJson('b.json', () => {
      throw reason;
    });
  });
  await assert.rejects(failing, (error) => {
    assert.ok(isHoldfastError(error, 'UPDATER_FAILED'));
    return error.cause === reason && error.outcome === 'unchanged';
  });
  assert.deepEqual(
    readdirSync(root).filter((name) => !name.endsWith('.lock')),
    ['a.json'],
  );
  assert.equal(readFileSync(join(root, 'a.json'), 'utf8'), '{"n":1}');
});

test('a document that its updater leaves as it is is not written', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'a.json'), '{ "n": 1 }');
  const { ino } = statSync(join(root, 'a.json'));
  await transaction(root, (tx) => tx.updateJson('a.json', (value) => value));
  assert.equal(statSync(join(root, 'a.json')).ino, ino);
});

test('an updater that asks for a lock of its transaction is told, and does not hang', async (t) => {
  const root = temporaryDirectory(t);
  const nested = transaction(root, async (tx) => {
    await tx.replaceFile('a.json', '{}');
    await tx.updateJson('b.json', async () => {
      await updateJson(join(root, 'a.json'), () => undefined);
    });
  });
  await assert.rejects(nested, (error) => isHoldfastError(error, 'LOCK_NESTED'));
});

test('a close that fails after the commit point does not turn a committed outcome', async (t) => {
  const root = temporaryDirectory(t);
  setUp(root);
  const fs = new Proxy(nodeFileSystem, {
    get(inner, name) {
      if (name !== 'open' && name !== 'openDirectory') return Reflect.get(inner, name) as unknown;
      return async (...args: Parameters<Fs['open']>) => {
        const handle = await inner[name](...args);
        const close = handle.close.bind(handle);
        handle.close = async () => {
          await close();
          if (!existsSync(join(root, '.holdfast-journal'))) return;
          throw Object.assign(new Error('EIO'), { code: 'EIO' });
        };
        return handle;
      };
    },
  });
  await transaction(
    root,
    async (tx) => {
      await tx.replaceFile('a.txt', 'x');
      await tx.remove('gone.txt');
    },
    { fs },
  );
  assert.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'x');
  assert.deepEqual(leftovers(root), []);
});

/** Runs all changes with some calls refused: nothing of them may be left. */
async function assertTakenBack(
  root: string,
  observer: Parameters<typeof observeFs>[1],
): Promise<void> {
  await assert.rejects(run(root, observeFs(nodeFileSystem, observer)), (error) => {
    assert.ok(isHoldfastError(error));
    return error.outcome === 'unchanged';
  });
  assert.deepEqual(snapshot(root), before);
  assert.deepEqual(leftovers(root), []);
}
