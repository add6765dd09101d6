/**
 * What proper-lockfile documents and does, of the peer and of the drop-in; and where the two
 * differ.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';
import type { LockOptions, ProperLockfile } from '@holdfast/proper-lockfile';
import { acquireLock } from 'holdfast';

const require = createRequire(import.meta.url);
const { default: dropIn } = await import('@holdfast/proper-lockfile');
const peer = require('proper-lockfile') as ProperLockfile;

/** The calls in one of their forms. */
interface Calls {
  readonly lock: (file: string, options?: LockOptions) => Promise<() => Promise<void>>;
  readonly unlock: (file: string, options?: LockOptions) => Promise<void>;
  readonly check: (file: string, options?: LockOptions) => Promise<boolean>;
}

function formsOf(library: ProperLockfile): Readonly<Record<string, Calls>> {
  return {
    promise: library,
    sync: {
      async lock(file, options) {
        const release = library.lockSync(file, options);
        return async () => release();
      },
      unlock: async (file, options) => library.unlockSync(file, options),
      check: async (file, options) => library.checkSync(file, options),
    },
  };
}

const libraries: Readonly<Record<string, ProperLockfile>> = { peer, dropIn };

function everywhere(behaviour: string, check: (calls: Calls, file: string) => Promise<void>): void {
  for (const [name, library] of Object.entries(libraries))
    for (const [form, calls] of Object.entries(formsOf(library)))
      test(`${name}, ${form}: ${behaviour}`, (t) => check(calls, fileFor(temporaryDirectory(t))));
}

function fileFor(directory: string): string {
  writeFileSync(`${directory}/file`, '');
  return `${directory}/file`;
}

everywhere('a lock excludes others until it is released', async (calls, file) => {
  assert.equal(await calls.check(file), false);
  const release = await calls.lock(file);
  assert.equal(await calls.check(file), true);
  assert.ok(existsSync(`${file}.lock`));
  await assert.rejects(calls.lock(file), { code: 'ELOCKED', file });
  await release();
  assert.equal(existsSync(`${file}.lock`), false);
  assert.equal(await calls.check(file), false);
  await (
    await calls.lock(file)
  )();
});

everywhere('a lock is released once', async (calls, file) => {
  const release = await calls.lock(file);
  await release();
  await assert.rejects(release(), { code: 'ERELEASED' });
});

everywhere(
  'unlock frees the lock of this process, and refuses where there is none',
  async (calls, file) => {
    await assert.rejects(calls.unlock(file), { code: 'ENOTACQUIRED' });
    const release = await calls.lock(file);
    await calls.unlock(file);
    await assert.rejects(release(), { code: 'ERELEASED' });
    await (
      await calls.lock(file)
    )();
  },
);

everywhere('the file must exist, unless its path is taken as it is', async (calls, file) => {
  const missing = `${file}-missing`;
  for (const call of [calls.lock, calls.unlock, calls.check])
    await assert.rejects(call(missing), { code: 'ENOENT' });
  const release = await calls.lock(missing, { realpath: false });
  assert.equal(await calls.check(missing, { realpath: false }), true);
  await release();
  const nowhere = `${file}-missing/file`;
  await assert.rejects(calls.lock(nowhere, { realpath: false }), { code: /ENOENT|ENOTDIR/ });
});

everywhere('the directory can have another name', async (calls, file) => {
  const lockfilePath = `${file}-elsewhere`;
  const release = await calls.lock(file, { lockfilePath });
  assert.ok(existsSync(lockfilePath) && !existsSync(`${file}.lock`));
  assert.equal(await calls.check(file, { lockfilePath }), true);
  assert.equal(await calls.check(file), false);
  await release();
});

everywhere('a directory that nobody has refreshed for long is taken', async (calls, file) => {
  mkdirSync(`${file}.lock`);
  await assert.rejects(calls.lock(file), { code: 'ELOCKED' });
  const old = Date.now() / 1000 - 3;
  utimesSync(`${file}.lock`, old, old);
  assert.equal(await calls.check(file, { stale: 2000 }), false);
  await assert.rejects(calls.lock(file), { code: 'ELOCKED' });
  await (
    await calls.lock(file, { stale: 2000 })
  )();
});

if (process.platform !== 'win32') {
  everywhere('all names of a file have one lock', async (calls, file) => {
    symlinkSync('file', `${file}-link`);
    const release = await calls.lock(`${file}-link`);
    assert.equal(await calls.check(file), true);
    await assert.rejects(calls.lock(file), { code: 'ELOCKED' });
    await release();
  });
}

for (const [name, library] of Object.entries(libraries)) {
  test(`${name}: with retries a lock is waited for`, async (t) => {
    const file = fileFor(temporaryDirectory(t));
    const release = await library.lock(file);
    const waiting = library.lock(file, {
      retries: { retries: 100, minTimeout: 5, maxTimeout: 20 },
    });
    await setImmediate();
    await release();
    await (
      await waiting
    )();
  });

  test(`${name}: retries have an end, and there are none in the synchronous form`, async (t) => {
    const file = fileFor(temporaryDirectory(t));
    const release = await library(file);
    const few = { retries: 2, minTimeout: 5, maxTimeout: 10 };
    await assert.rejects(library.lock(file, { retries: few }), { code: 'ELOCKED' });
    assert.throws(() => library.lockSync(file, { retries: 1 }), { code: 'ESYNC' });
    await release();
  });

  test(`${name}: a lock whose directory goes is compromised`, async (t) => {
    const file = fileFor(temporaryDirectory(t));
    // Neither of the two keeps a process alive for the sake of its lock.
    const alive = setInterval(() => undefined, 1000);
    t.after(() => clearInterval(alive));
    const lost = await new Promise<NodeJS.ErrnoException>((resolve) => {
      const options = { stale: 2000, update: 1000, onCompromised: resolve };
      void library.lock(file, options as LockOptions).then(() => rmdirSync(`${file}.lock`));
    });
    assert.equal(lost.code, 'ECOMPROMISED');
    await assert.rejects(library.unlock(file), { code: 'ENOTACQUIRED' });
  });

  test(`${name}: a process that ends leaves no directory`, (t) => {
    const file = fileFor(temporaryDirectory(t));
    const module = name === 'peer' ? 'proper-lockfile' : '@holdfast/proper-lockfile';
    const program = `
      const lockfile = require('${module}');
      lockfile.lock(process.argv[1]).then(() => console.log('held'));`;
    const { stdout } = spawnSync(process.execPath, ['--eval', program, file], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    assert.equal(stdout, 'held\n');
    assert.equal(existsSync(`${file}.lock`), false);
  });
}

test('peer and drop-in exclude each other', async (t) => {
  const file = fileFor(temporaryDirectory(t));
  for (const [one, other] of [
    [peer, dropIn],
    [dropIn, peer],
  ] as const) {
    const release = await one.lock(file);
    await assert.rejects(other.lock(file), { code: 'ELOCKED' });
    assert.throws(() => other.lockSync(file), { code: 'ELOCKED' });
    assert.equal(await other.check(file), true);
    await release();
  }
});

test('dropIn: programs that call Holdfast with the guard are excluded too', async (t) => {
  const directory = temporaryDirectory(t);
  const file = fileFor(directory);
  const release = await dropIn.lock(file);
  const other = acquireLock(file, { guard: 'proper-lockfile', timeoutMs: 0 });
  await assert.rejects(other, { code: 'LOCK_TIMEOUT' });
  await release();
  assert.deepEqual(readdirSync(directory).toSorted(), ['file', 'file.flock']);
});

/** The peer's directory becomes old meanwhile, and then two programs have the lock. */
test('dropIn: one whose event loop is blocked keeps its lock', async (t) => {
  const file = fileFor(temporaryDirectory(t));
  const holder = startScript(
    t,
    `import lockfile from '@holdfast/proper-lockfile';
     await lockfile.lock(process.argv[1], { stale: 2000 });
     console.log('held');
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`,
    [file],
  );
  assert.equal(await holder.nextLine(), 'held');
  // As it is after a long time.
  const old = Date.now() / 1000 - 60;
  utimesSync(`${file}.lock`, old, old);
  await assert.rejects(dropIn.lock(file, { stale: 2000 }), { code: 'ELOCKED' });
  await holder.kill();
  await (
    await dropIn.lock(file, { stale: 2000 })
  )();
});
