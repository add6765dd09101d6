import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { test, type TestContext } from 'node:test';
import { observeFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import {
  acquireLock,
  isHoldfastError,
  readJson,
  updateJson,
  withLock,
  type ErrorCode,
  type JsonObject,
  type JsonUpdater,
} from 'holdfast';
import { nodeFileSystem, systemError, type Fs } from 'holdfast/os';

type Counter = Record<string, number>;

const increment =
  (key: string): JsonUpdater<Counter> =>
  (counts) => {
    counts[key] = (counts[key] ?? 0) + 1;
  };

/** Matches a HoldfastError of a code; the document is said to be unchanged. */
function refusal(code: ErrorCode, says = ''): (error: unknown) => boolean {
  return (error) =>
    isHoldfastError(error, code) && error.outcome === 'unchanged' && error.message.includes(says);
}

/** The machine's filesystem, which counts the renames and lets a hook run before each. */
function watchedFs(
  onRename: () => Promise<void> = async () => undefined,
): Fs & { renames: number } {
  const fs = {
    ...nodeFileSystem,
    renames: 0,
    async rename(from: string, to: string) {
      await onRename();
      fs.renames += 1;
      return nodeFileSystem.rename(from, to);
    },
  };
  return fs;
}

/** The machine's filesystem, which tells what is opened. */
function openWatchedFs(onOpen: (path: string) => void): Fs {
  return {
    ...nodeFileSystem,
    async open(path, flags, mode) {
      const file = await nodeFileSystem.open(path, flags, mode);
      onOpen(file.path);
      return file;
    },
  };
}

/** A promise and the function that settles it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

test('50 writers with 20 updates each lose none, and share at most 25 commits', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const fs = watchedFs();
  await Promise.all(
    Array.from({ length: 50 }, async (_, writer) => {
      for (let i = 0; i < 20; i += 1) await updateJson(path, increment(`w${writer}-${i}`), { fs });
    }),
  );
  assert.equal(Object.keys(await readJson<Counter>(path)).length, 1000);
  assert.ok(fs.renames <= 25, `${fs.renames} commits`);
});

test('calls of one group run in call order, and each resolves to the value after its own change', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const results = await Promise.all(
    Array.from({ length: 20 }, () => updateJson(path, increment('n'))),
  );
  assert.deepEqual(
    results.map(({ n }) => n),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
});

test('the value that a call resolves to is its own', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const [first, second] = await Promise.all([
    updateJson(path, (doc) => void (doc['list'] = [1])),
    updateJson(path, (doc) => void (doc['more'] = true)),
  ]);
  (first['list'] as number[]).push(2);
  assert.deepEqual(second, { list: [1], more: true });
  assert.deepEqual(await updateJson(path, () => undefined), { list: [1], more: true });
});

test('an updater that throws is as if it had not been called, and its neighbours are not touched', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{"kept":1}');
  const thrown = new Error('refused');
  const [before, failed, after] = await Promise.allSettled([
    updateJson(path, increment('before')),
    updateJson<Counter>(path, (counts) => {
      for (const key of Object.keys(counts)) delete counts[key];
      counts['wrong'] = 1;
      throw thrown;
    }),
    updateJson(path, increment('after')),
  ]);
  assert.equal(before.status, 'fulfilled');
  assert.equal(after.status, 'fulfilled');
  assert.equal(failed.status, 'rejected');
  assert.ok(isHoldfastError(failed.reason, 'UPDATER_FAILED'));
  assert.equal(failed.reason.cause, thrown);
  assert.equal(readFileSync(path, 'utf8'), '{"kept":1,"before":1,"after":1}');
});

test('a change that an updater makes after it has failed or finished reaches nobody', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const kept: Counter[] = [];
  const keep =
    (key: string, fails: boolean): JsonUpdater<Counter> =>
    (counts) => {
      kept.push(counts);
      counts[key] = 1;
      if (fails) throw new Error('no');
    };
  const spoil: JsonUpdater<Counter> = (counts) => {
    for (const other of kept) other['late'] = 1;
    counts['c'] = 1;
  };
  await Promise.allSettled([
    updateJson(path, keep('a', false)),
    updateJson(path, keep('b', true)),
    updateJson(path, spoil),
  ]);
  assert.deepEqual(await readJson(path), { a: 1, c: 1 });
});

test('an async updater has the document to itself', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const order: string[] = [];
  await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      updateJson<Counter>(path, async (counts) => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`${name} ends`);
        return { ...counts, [name]: 1 };
      }),
    ),
  );
  assert.deepEqual(
    order,
    ['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
  assert.deepEqual(await readJson(path), { a: 1, b: 1, c: 1 });
});

test('what arrives while a commit is under way shares the next one', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const atRename = gate();
  const mayRename = gate();
  const fs = watchedFs(async () => {
    atRename.open();
    await mayRename.opened;
  });
  const first = updateJson(path, increment('first'), { fs });
  await atRename.opened;
  const others = Array.from({ length: 10 }, () => updateJson(path, increment('n'), { fs }));
  mayRename.open();
  await Promise.all([first, ...others]);
  assert.equal(fs.renames, 2);
  assert.deepEqual(await readJson(path), { first: 1, n: 10 });
});

test('a call is not acknowledged before its file is in place', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const atRename = gate();
  const mayRename = gate();
  const fs = watchedFs(async () => {
    atRename.open();
    await mayRename.opened;
  });
  let acknowledged = false;
  const update = updateJson(path, increment('n'), { fs }).then(() => (acknowledged = true));
  await atRename.opened;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(acknowledged, false);
  assert.equal(existsSync(path), false);
  mayRename.open();
  await update;
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), { n: 1 });
});

test('a failed write rejects every call of the group and leaves the document', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{"old":1}');
  const fs = watchedFs(async () => {
    throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  });
  const results = await Promise.allSettled([
    updateJson(path, increment('a'), { fs }),
    updateJson(path, increment('b'), { fs }),
  ]);
  for (const result of results) {
    assert.equal(result.status, 'rejected');
    assert.ok(refusal('IO')(result.reason));
  }
  assert.equal(readFileSync(path, 'utf8'), '{"old":1}');
});

test('an update inside its own updater is refused, not waited for', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  let inner: unknown;
  await updateJson<Counter>(path, async (counts) => {
    inner = await updateJson(path, increment('inner')).catch((error: unknown) => error);
    counts['outer'] = 1;
  });
  assert.ok(refusal('LOCK_NESTED')(inner));
  assert.deepEqual(await readJson(path), { outer: 1 });
  await assert.rejects(
    updateJson<Counter>(path, async () => updateJson(path, increment('inner'))),
    refusal('LOCK_NESTED'),
  );
  await assert.rejects(
    withLock(path, () => updateJson(path, increment('inner'))),
    refusal('LOCK_NESTED'),
  );
  await assert.rejects(
    updateJson<Counter>(path, () => withLock(path, () => ({}))),
    refusal('LOCK_NESTED'),
  );
});

test('what an updater returns is awaited, whoever made the promise, and belongs to its chain', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  let inner: unknown;
  const lazy = {
    // oxlint-disable-next-line unicorn/no-thenable -- query builders are such objects
    async then(resolve: (made: Counter) => void): Promise<void> {
      inner = await updateJson(path, increment('inner')).catch((error: unknown) => error);
      resolve({ outer: 1 });
    },
  };
  await updateJson<Counter>(path, () => lazy as unknown as Promise<Counter>);
  assert.ok(refusal('LOCK_NESTED')(inner));
  assert.deepEqual(await readJson(path), { outer: 1 });
});

test('the nested call of one caller does not concern the others', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const [entered, held] = [gate(), gate()];
  const outcomes: Promise<unknown>[] = [];
  const nested = withLock(path, async () => {
    outcomes.push(updateJson(path, increment('nested')).catch((error: unknown) => error));
    entered.open();
    await held.opened;
  });
  await entered.opened;
  const innocent = updateJson(path, increment('innocent'));
  assert.ok(refusal('LOCK_NESTED')(await outcomes[0]));
  held.open();
  await nested;
  assert.deepEqual(await innocent, { innocent: 1 });
});

test('another document can be updated inside an updater', async (t) => {
  const directory = temporaryDirectory(t);
  await updateJson<Counter>(`${directory}/a.json`, async (counts) => {
    await updateJson(`${directory}/b.json`, increment('b'));
    counts['a'] = 1;
  });
  assert.deepEqual(await readJson(`${directory}/b.json`), { b: 1 });
});

test('an updater runs in the context of its own caller', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const request = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      request.run(name, () => updateJson(path, () => void seen.push(request.getStore()))),
    ),
  );
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('a document that cannot be parsed is left as it is, and the place is named', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{\n  "a": 1\n  "b": 2\n}\n');
  const before = readFileSync(path);
  await assert.rejects(
    updateJson(path, increment('a')),
    refusal('CORRUPT_DOCUMENT', 'line 3, column 3'),
  );
  await assert.rejects(readJson(path), refusal('CORRUPT_DOCUMENT', 'line 3, column 3'));
  assert.deepEqual(readFileSync(path), before);
});

test('a broken document is kept aside when the caller asks for a new beginning', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/doc.json`;
  writeFileSync(path, '{"a": 1, "b"');
  const options = { onCorrupt: 'quarantine', initial: { fresh: 1 } } as const;
  await assert.rejects(
    updateJson<Counter>(
      path,
      () => {
        throw new Error('no');
      },
      options,
    ),
  );
  assert.equal(readFileSync(path, 'utf8'), '{"a": 1, "b"', 'a failed update moves nothing');
  assert.deepEqual(await updateJson<Counter>(path, increment('n'), options), { fresh: 1, n: 1 });
  const aside = readdirSync(directory).filter((name) => name.includes('corrupt'));
  assert.match(aside.join(), /^doc\.json\.corrupt-[0-9a-f]{16}$/);
  assert.equal(readFileSync(`${directory}/${aside[0]}`, 'utf8'), '{"a": 1, "b"');
});

test('a broken document is kept aside where files cannot have two names', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/doc.json`;
  writeFileSync(path, '{"a":');
  const fs: Fs = {
    ...nodeFileSystem,
    link: (from) => Promise.reject(systemError(1, 'link', from)),
  };
  await updateJson<Counter>(path, increment('n'), { onCorrupt: 'quarantine', fs });
  const [aside] = readdirSync(directory).filter((name) => name.includes('corrupt'));
  assert.equal(readFileSync(`${directory}/${aside}`, 'utf8'), '{"a":');
});

test('a number that JavaScript cannot hold is never rewritten, and not quarantined either', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  for (const text of ['{"id": 12345678901234567891}', '{"x": NaN}', '{"a": 1, "a": 2}']) {
    writeFileSync(path, text);
    await assert.rejects(
      updateJson(path, increment('n'), { onCorrupt: 'quarantine' }),
      refusal('UNREPRESENTABLE', 'line 1'),
    );
    assert.equal(readFileSync(path, 'utf8'), text);
  }
});

test('what JSON would drop is refused with its place, and the others of the group are kept', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const [good, bad] = await Promise.allSettled([
    updateJson(path, increment('n')),
    updateJson<Record<string, unknown>>(path, (doc) => ({ ...doc, deep: [{ x: new Map() }] })),
  ]);
  assert.equal(good.status, 'fulfilled');
  assert.equal(bad.status, 'rejected');
  assert.ok(refusal('UNREPRESENTABLE', "'/deep/0/x'")(bad.reason));
  assert.deepEqual(await readJson(path), { n: 1 });
});

test('an updater that changes the document and returns a number by accident is refused', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const push = ((doc: { list: number[] }) => doc.list.push(1)) as unknown as JsonUpdater<unknown>;
  await assert.rejects(
    updateJson(path, push, { initial: { list: [] } }),
    refusal('INVALID_ARGUMENT', 'returned a number'),
  );
  assert.equal(await updateJson<unknown>(path, () => 42), 42);
});

test('a Date is written by its own toJSON, and the call resolves to what a reader sees', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const value = await updateJson<Record<string, unknown>>(path, () => ({
    at: new Date(0),
    gone: undefined,
  }));
  assert.deepEqual(value, { at: '1970-01-01T00:00:00.000Z' });
});

test('layout, byte order mark and final newline stay as found', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  for (const [before, after] of [
    ['\ufeff{\r\n\t"a": 1\r\n}', '\ufeff{\r\n\t"a": 1,\r\n\t"n": 1\r\n}'],
    ['{"a": [1, 2]}', '{"a": [1, 2], "n": 1}'],
    ['{"a":[1,2]}\n', '{"a":[1,2],"n":1}\n'],
  ] as const) {
    writeFileSync(path, before);
    await updateJson(path, increment('n'));
    assert.equal(readFileSync(path, 'utf8'), after);
  }
  await updateJson(path, increment('n'), { indent: 1 });
  assert.equal(readFileSync(path, 'utf8'), '{\n "a": [\n  1,\n  2\n ],\n "n": 2\n}\n');
});

test('a document that does not change is not written, whatever its layout', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{ "list": [1,\n 2] }');
  const { ino } = statSync(path);
  assert.deepEqual(await updateJson(path, (doc) => doc), { list: [1, 2] });
  assert.equal(statSync(path).ino, ino);
});

test('a document that does not change is acknowledged only when what is there is synced', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{}');
  const fs: Fs = {
    ...nodeFileSystem,
    async open(name, flags, mode) {
      const file = await nodeFileSystem.open(name, flags, mode);
      if (file.path === path) file.sync = () => Promise.reject(new Error('EIO'));
      return file;
    },
  };
  await assert.rejects(
    updateJson(path, (doc) => doc, { fs }),
    (error) => isHoldfastError(error, 'SYNC_FAILED') && error.outcome === 'unknown',
  );
});

test('of a document that does not change the content is durable before its name', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{}');
  const synced: string[] = [];
  const fs = observeFs(nodeFileSystem, {
    before: ({ call, path: of }) => void (call === 'sync' && synced.push(of)),
  });
  await updateJson(path, (doc) => doc, { fs });
  assert.deepEqual(synced, [path, dirname(path)]);
});

test('__proto__ stays plain data from disk to disk', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{"__proto__":{"admin":true},"constructor":1}');
  const value = await updateJson(path, increment('n'));
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(readFileSync(path, 'utf8'), '{"__proto__":{"admin":true},"constructor":1,"n":1}');
});

test('missing directories are made', async (t) => {
  const path = `${temporaryDirectory(t)}/a/b/c/doc.json`;
  await Promise.all([updateJson(path, increment('n')), updateJson(path, increment('n'))]);
  assert.deepEqual(await readJson(path), { n: 2 });
});

test('every name of a document means one document', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/doc.json`;
  symlinkSync('doc.json', `${directory}/link.json`);
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      updateJson(i % 2 ? path : `${directory}/link.json`, increment('n')),
    ),
  );
  assert.deepEqual(await readJson(path), { n: 20 });
});

test('a document that becomes a symlink while its lock is waited for is updated under the lock of the other', async (t) => {
  const directory = temporaryDirectory(t);
  const [path, other] = [`${directory}/doc.json`, `${directory}/other.json`];
  writeFileSync(path, '{"n":1}');
  writeFileSync(other, '{"n":10}');
  const lock = await acquireLock(path);
  const [waiting, locks] = [gate(), [] as string[]];
  const fs = openWatchedFs((opened) => {
    // The state directory may hold the lock of an overwrite of a file that had the same inode's number.
    if (opened.startsWith(directory) && opened.endsWith('.lock')) locks.push(opened);
    waiting.open();
  });
  const update = updateJson<Counter>(path, increment('n'), { fs });
  await waiting.opened;
  unlinkSync(path);
  symlinkSync('other.json', path);
  await lock.release();
  assert.deepEqual(await update, { n: 11 });
  assert.deepEqual(locks, [`${path}.lock`, `${other}.lock`]);
  assert.equal(readFileSync(other, 'utf8'), '{"n":11}');
});

test('a document that becomes a symlink while its updater runs is not replaced', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/doc.json`;
  writeFileSync(path, '{"n":1}');
  // A secret takes nothing of the old file, so that nothing else looks at it.
  const update = updateJson<Counter>(
    path,
    (doc) => {
      unlinkSync(path);
      symlinkSync('other.json', path);
      return { ...doc, n: 2 };
    },
    { secret: true },
  );
  await assert.rejects(update, refusal('UNSUPPORTED_TARGET', 'symlink'));
  assert.deepEqual(readdirSync(directory).toSorted(), ['doc.json', 'doc.json.lock']);
  assert.equal(readlinkSync(path), 'other.json');
});

test('the mode of a document is kept, and a secret one is for its owner alone', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a.json`, '{}');
  chmodSync(`${directory}/a.json`, 0o640);
  await updateJson(`${directory}/a.json`, increment('n'));
  assert.equal(statSync(`${directory}/a.json`).mode & 0o777, 0o640);
  await updateJson(`${directory}/b.json`, increment('n'), { secret: true });
  assert.equal(statSync(`${directory}/b.json`).mode & 0o777, 0o600);
});

test('calls that want different things of the file do not share a commit, and keep their order', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const fs = watchedFs();
  const results = await Promise.all(
    [0, 0, 1].map((indent) => updateJson(path, increment('n'), { indent, fs })),
  );
  assert.deepEqual(results, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  assert.equal(fs.renames, 2);
  assert.equal(readFileSync(path, 'utf8'), '{\n "n": 3\n}\n');
});

test('an update whose lock file was deleted meanwhile is given up before it writes', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  writeFileSync(path, '{}');
  const update = updateJson<Counter>(path, (counts) => {
    unlinkSync(`${path}.lock`);
    counts['n'] = 1;
  });
  await assert.rejects(update, refusal('LOCK_LOST'));
  assert.equal(readFileSync(path, 'utf8'), '{}');
});

test('a broken document with the longest of names is kept aside under a name that is cut', async (t) => {
  const directory = temporaryDirectory(t);
  const name = 'ä'.repeat(125);
  writeFileSync(`${directory}/${name}`, '{');
  await updateJson(`${directory}/${name}`, increment('n'), {
    onCorrupt: 'quarantine',
    lockPath: `${directory}/lock`,
  });
  const aside = readdirSync(directory).find((other) => other.includes('.corrupt-'));
  assert.match(aside ?? '', /^ä{115}\.corrupt-[0-9a-f]{16}$/u);
});

test('a name that leaves no room for that of its lock is refused, unless another lock is named', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/${'x'.repeat(255)}`;
  await assert.rejects(updateJson(path, increment('n')), refusal('INVALID_ARGUMENT', 'lockPath'));
  await updateJson(path, increment('n'), { lockPath: `${directory}/lock` });
  assert.deepEqual(readdirSync(directory), ['lock', 'x'.repeat(255)]);
});

test('a call gives up when its time is over, and the others go on waiting', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const holder = await acquireLock(path);
  const patient = updateJson(path, increment('patient'));
  await assert.rejects(
    updateJson(path, increment('hasty'), { timeoutMs: 20 }),
    refusal('LOCK_TIMEOUT'),
  );
  await assert.rejects(
    updateJson(path, increment('once'), { timeoutMs: 0 }),
    refusal('LOCK_TIMEOUT'),
  );
  await holder.release();
  assert.deepEqual(await patient, { patient: 1 });
});

test('a signal ends a call that waits, and one whose updater never settles', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  await assert.rejects(
    updateJson(path, increment('n'), { signal: AbortSignal.abort() }),
    refusal('ABORTED'),
  );
  const controller = new AbortController();
  const stuck = updateJson<Counter>(path, () => new Promise(() => undefined), {
    signal: controller.signal,
  });
  const next = updateJson(path, increment('next'));
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  await assert.rejects(stuck, refusal('ABORTED'));
  assert.deepEqual(await next, { next: 1 });
});

test('a signal that comes after the updater has finished does not half undo the call', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const controller = new AbortController();
  const [first, second] = await Promise.allSettled([
    updateJson(path, increment('first'), { signal: controller.signal }),
    updateJson<Counter>(path, (counts) => {
      controller.abort();
      counts['second'] = 1;
    }),
  ]);
  assert.equal(first.status, 'fulfilled');
  assert.equal(second.status, 'fulfilled');
  assert.deepEqual(await readJson(path), { first: 1, second: 1 });
});

test('when all who wait give up, the next one is served as ever', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const holder = await acquireLock(path);
  await assert.rejects(updateJson(path, increment('n'), { timeoutMs: 5 }), refusal('LOCK_TIMEOUT'));
  const next = updateJson(path, increment('n'));
  await holder.release();
  assert.deepEqual(await next, { n: 1 });
});

test('a wrong argument is refused before anything is touched', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/doc.json`;
  const noop = (): void => undefined;
  const invalid: readonly (() => Promise<unknown>)[] = [
    () => updateJson('', noop),
    () => updateJson('a\0b', noop),
    () => updateJson(path, 'x' as unknown as JsonUpdater<JsonObject>),
    () => updateJson(path, noop, { ident: 2 } as object),
    () => updateJson(path, noop, { indent: 1.5 }),
    () => updateJson(path, noop, { indent: 'xx' }),
    () => updateJson(path, noop, { onCorrupt: 'ignore' as 'error' }),
    () => updateJson(path, noop, { timeoutMs: -1 }),
    () => updateJson(path, noop, { schema: {} as never }),
    () => updateJson(path, noop, { mode: 0o10000 }),
    () => updateJson(path, noop, { secret: true, mode: 0o644 }),
    () => updateJson(path, noop, { durability: 'maybe' as 'atomic' }),
    () => updateJson(path, noop, { inPlace: 'sometimes' as 'never' }),
    () => readJson(path, { fast: true } as object),
  ];
  for (const call of invalid) await assert.rejects(call(), refusal('INVALID_ARGUMENT'));
  assert.deepEqual(readdirSync(directory), []);
});

test('any sequence of updates leaves what the same sequence leaves in memory', async (t) => {
  const directory = temporaryDirectory(t);
  let round = 0;
  const value = fc
    .jsonValue()
    .map((made) => JSON.parse(JSON.stringify(made)) as JsonObject[string]);
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), key: fc.string({ maxLength: 3 }), value }),
    fc.record({ kind: fc.constant('replace' as const), value: fc.dictionary(fc.string(), value) }),
    fc.record({ kind: fc.constant('throw' as const), key: fc.string({ maxLength: 3 }), value }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, together) => {
      round += 1;
      const path = `${directory}/${round}.json`;
      let model: JsonObject = {};
      const expected: string[] = [];
      const calls = steps.map((made) => () => {
        if (made.kind === 'replace') return updateJson(path, () => made.value);
        return updateJson(path, (doc) => {
          if (made.key === '__proto__') return { ...doc, ['__proto__']: made.value };
          doc[made.key] = made.value;
          if (made.kind === 'throw') throw new Error('no');
          return undefined;
        }).catch(() => undefined);
      });
      for (const made of steps) {
        if (made.kind === 'set' || (made.kind === 'throw' && made.key === '__proto__')) {
          model = { ...model, [made.key]: made.value };
        } else if (made.kind === 'replace') {
          model = made.value;
        }
        const isKept = made.kind !== 'throw' || made.key === '__proto__';
        expected.push(isKept ? JSON.stringify(model) : 'null');
      }
      const results: unknown[] = [];
      if (together) results.push(...(await Promise.all(calls.map((call) => call()))));
      else for (const call of calls) results.push(await call());
      assert.deepEqual(
        results.map((result) => JSON.stringify(result ?? null)),
        expected,
      );
      const onDisk = await readJson(path, { initial: {} });
      assert.equal(JSON.stringify(onDisk), JSON.stringify(model));
    }),
    { numRuns: 60 },
  );
});

test('what another program did to the document since our last write is checked as strictly as ever', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  await updateJson(path, increment('n'), { indent: 0 });
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('1', '12345678901234567891'));
  await assert.rejects(updateJson(path, increment('m')), refusal('UNREPRESENTABLE', "'/n'"));
  writeFileSync(path, text);
  assert.deepEqual(await updateJson(path, increment('m')), { n: 1, m: 1 });
});

test('a change in place that leaves size and times of the document as they were is not lost', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  await updateJson(path, increment('n'), { indent: 0 });
  const { atime, mtime } = statSync(path);
  writeFileSync(path, readFileSync(path, 'utf8').replace('1', '7'));
  utimesSync(path, atime, mtime);
  assert.deepEqual(await updateJson(path, increment('n')), { n: 8 });
});

test('a run of updates gives each updater a value of its own, whatever was done to the one before', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const results: Counter[] = [];
  for (let i = 1; i <= 20; i += 1) {
    const result: Counter = await updateJson<Counter>(path, increment('n'));
    assert.deepEqual(result, { n: i });
    Object.assign(result, { spoilt: i });
    results.push(result);
    if (i % 3 === 0) assert.deepEqual(await readJson(path), { n: i });
  }
  assert.deepEqual(await readJson(path), { n: 20 });
  assert.equal(new Set(results).size, 20);
});

test('a loop of updates without a sync lets timers run', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const timer = new AbortController();
  setTimeout(() => timer.abort(), 1);
  for (let i = 0; !timer.signal.aborted; i += 1) {
    assert.ok(i < 10_000, 'the timer never ran');
    await updateJson(path, increment('n'), { durability: 'atomic' });
  }
});

test('an accessor or toJSON that throws is the updater failing, not the disk', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const own = new Error('mine');
  const fail = (): never => {
    throw own;
  };
  for (const member of [
    Object.defineProperty({}, 'b', { enumerable: true, get: fail }),
    { toJSON: fail },
  ]) {
    await assert.rejects(
      updateJson(path, () => ({ member }) as object as JsonObject),
      (error: unknown) => isHoldfastError(error, 'UPDATER_FAILED') && error.cause === own,
    );
  }
});

/** Two directories, of which the working directory may become one until the test ends. */
function twoDirectories(t: TestContext): string {
  // Before the directory is removed: Windows keeps one that a process works in.
  const start = process.cwd();
  t.after(() => process.chdir(start));
  const root = temporaryDirectory(t);
  for (const name of ['x', 'y', 'x/sub']) mkdirSync(`${root}/${name}`);
  return root;
}

function valueIn(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

test('a waiting call means the file that its path named when it was made, also after chdir', async (t) => {
  const root = twoDirectories(t);
  process.chdir(`${root}/x`);
  let release = (): void => undefined;
  const mayEnd = new Promise<void>((resolve) => (release = resolve));
  const first = updateJson('a.json', () => mayEnd.then(() => ({ first: 1 })));
  const second = updateJson<Counter>('a.json', increment('second'));
  process.chdir(`${root}/y`);
  release();
  await Promise.all([first, second, updateJson('a.json', () => ({ third: 1 }))]);
  assert.deepEqual(
    [valueIn(`${root}/x/a.json`), valueIn(`${root}/y/a.json`)],
    [{ first: 1, second: 1 }, { third: 1 }],
  );
});

test('a path through a symlink and .. is the document that the kernel finds there', async (t) => {
  const root = twoDirectories(t);
  symlinkSync('../x/sub', `${root}/y/link`);
  process.chdir(`${root}/y`);
  // link/.. is x for the kernel, and y for one who only reads the path.
  for (const start of ['', `${root}/y/`]) {
    const [through, beside] = [`${start}link/../b.json`, `${start}b.json`];
    await Promise.all([through, beside].map((path) => updateJson(path, () => ({ path }))));
    assert.deepEqual(
      [valueIn(`${root}/x/b.json`), valueIn(`${root}/y/b.json`)],
      [{ path: through }, { path: beside }],
    );
  }
});
