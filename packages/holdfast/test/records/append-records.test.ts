import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { observeFs, type FsStep } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { acquireLock, withLock } from '#src/lock/lock.js';
import { appendRecords } from '#src/records/append-records.js';
import { WRITE_BYTES, type LogRecord } from '#src/records/log-format.js';
import { readRecords } from '#src/records/read-records.js';

async function readAll(path: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of readRecords(path)) records.push(record);
  return records;
}

/** A filesystem that notes every step it makes. */
function recording(): { readonly fs: Fs; readonly steps: FsStep[] } {
  const steps: FsStep[] = [];
  return { fs: observeFs(nodeFileSystem, { before: (step) => void steps.push(step) }), steps };
}

/** A filesystem on which the write of the given number takes only half of its bytes. */
function withShortWrite(number: number): Fs {
  let count = 0;
  return {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      return new Proxy(file, {
        get(inner, name) {
          if (name === 'write') {
            return (data: Uint8Array, offsetBytes: number) =>
              inner.write(
                (count += 1) === number ? data.subarray(0, data.length / 2) : data,
                offsetBytes,
              );
          }
          const value: unknown = Reflect.get(inner, name);
          return typeof value === 'function' ? value.bind(inner) : value;
        },
      });
    },
  };
}

test('calls that wait share one write and one sync, in the order in which they were made', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const { fs, steps } = recording();
  const calls = Array.from({ length: 16 }, (_, i) =>
    appendRecords(path, [{ i }, { i, again: true }], { fs }),
  );
  await Promise.all(calls);
  assert.deepEqual(
    (await readAll(path)).map((record) => record['i']),
    Array.from({ length: 32 }, (_, index) => Math.floor(index / 2)),
  );
  assert.equal(steps.filter(({ call }) => call === 'dataSync').length, 1);
  assert.equal(
    steps.filter(({ call, path: at }) => call === 'write' && at.endsWith('log.jsonl')).length,
    1,
  );
});

test('the name of a log is made durable by the first append of a process, its data by every one', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/log.jsonl`;
  const { fs, steps } = recording();
  await appendRecords(path, [{ n: 1 }], { fs });
  const ofLog = steps.filter((step) => !step.path.endsWith('.lock')).map(({ call }) => call);
  assert.deepEqual(ofLog, ['open', 'write', 'dataSync', 'sync']);
  steps.length = 0;
  await appendRecords(path, [{ n: 2 }], { fs });
  assert.deepEqual(
    steps.filter((step) => step.path.endsWith('log.jsonl')).map(({ call }) => call),
    ['write', 'dataSync'],
  );
  assert.deepEqual(
    steps.filter(({ call }) => call === 'sync'),
    [],
  );
});

test('records are taken as they are at the call', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const record = { n: 1 };
  const appended = appendRecords(path, [record]);
  record.n = 2;
  await appended;
  assert.deepEqual(await readAll(path), [{ n: 1 }]);
});

test('a call that is refused does not touch the others of its round', async (t) => {
  const path = `${temporaryDirectory(t)}/log.csv`;
  await appendRecords(path, [{ id: 0 }]);
  const results = await Promise.allSettled([
    appendRecords(path, [{ id: 1 }]),
    appendRecords(path, [{ id: 2, unknown: true }]),
    appendRecords(path, [{ id: 3 }]),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(readFileSync(path, 'utf8'), 'id\n0\n1\n3\n');
});

test('the log is written in place: mode, hard links and symlinks stay, a dangling symlink is followed', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/real.jsonl`, '');
  chmodSync(`${directory}/real.jsonl`, 0o640);
  linkSync(`${directory}/real.jsonl`, `${directory}/hard.jsonl`);
  symlinkSync('real.jsonl', `${directory}/soft.jsonl`);
  symlinkSync('later.jsonl', `${directory}/dangling.jsonl`);
  await appendRecords(`${directory}/soft.jsonl`, [{ n: 1 }]);
  await appendRecords(`${directory}/dangling.jsonl`, [{ n: 2 }]);
  assert.equal(readFileSync(`${directory}/hard.jsonl`, 'utf8'), '{"n":1}\n');
  assert.equal(statSync(`${directory}/real.jsonl`).mode & 0o777, 0o640);
  assert.equal(readFileSync(`${directory}/later.jsonl`, 'utf8'), '{"n":2}\n');
});

test('a new log gets the mode that the caller names', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  await appendRecords(path, [{ n: 1 }], { mode: 0o600 });
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('no records make no file, and a missing directory is NOT_FOUND', async (t) => {
  const directory = temporaryDirectory(t);
  await appendRecords(`${directory}/log.jsonl`, []);
  assert.deepEqual(readdirSync(directory), []);
  await assert.rejects(appendRecords(`${directory}/no/log.jsonl`, [{}]), (error: unknown) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
});

test('a directory, and an option or format that does not exist, is refused', async (t) => {
  const directory = temporaryDirectory(t);
  await assert.rejects(appendRecords(directory, [{}]), (error: unknown) =>
    isHoldfastError(error, 'UNSUPPORTED_TARGET'),
  );
  const path = `${directory}/log.jsonl`;
  for (const options of [
    { formt: 'csv' },
    { format: 'xml' },
    { delimiter: ',' },
    { columns: ['a'] },
  ]) {
    await assert.rejects(appendRecords(path, [{}], options as object), (error: unknown) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
});

// What is found at the end.

test('a torn tail is put aside, said so, and never glued to the next record', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, '{"n":1}\n{"n":2,"te');
  const { repairs } = await appendRecords(path, [{ n: 3 }]);
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n{"n":3}\n');
  const [repair] = repairs;
  assert.deepEqual(
    { kind: repair?.kind, offsetBytes: repair?.offsetBytes, sizeBytes: repair?.sizeBytes },
    { kind: 'removed', offsetBytes: 8, sizeBytes: 10 },
  );
  assert.equal(readFileSync(repair?.keptAt ?? '', 'utf8'), '{"n":2,"te');
});

test('a torn tail is put aside with the mode of the log', async (t) => {
  const directory = temporaryDirectory(t);
  const umask = process.umask(0o022);
  t.after(() => process.umask(umask));
  for (const mode of [0o600, 0o640, 0o644]) {
    const log = `${directory}/${mode}.jsonl`;
    writeFileSync(log, '{"k":1}\n{"token":"s3cr');
    chmodSync(log, mode);
    await appendRecords(log, [{ k: 2 }]);
    const torn = readdirSync(directory).find((name) => name.startsWith(`${mode}.jsonl.torn-`));
    assert.equal(statSync(`${directory}/${torn}`).mode & 0o777, mode);
  }
});

test('a torn tail that another program leaves between two appends of one process is found', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  await appendRecords(path, [{ n: 1 }]);
  writeFileSync(path, '{"n":2}\n{"torn', { flag: 'a' });
  await appendRecords(path, [{ n: 3 }]);
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n{"n":2}\n{"n":3}\n');
});

test('a whole last record that lacks only its line end gets it', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, '{"n":1}');
  const { repairs } = await appendRecords(path, [{ n: 2 }]);
  assert.deepEqual(repairs, [{ kind: 'completed', offsetBytes: 0, sizeBytes: 7 }]);
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n{"n":2}\n');
});

test('holes that a power loss left become empty lines, and whole records behind them stay', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const hole = `{"n":2,"te${'\0'.repeat(20)}xt"}`;
  writeFileSync(path, `{"n":1}\n${hole}\n{"n":3}\n${'\0'.repeat(9)}`);
  assert.deepEqual(await readAll(path), [{ n: 1 }, { n: 3 }]);
  const { repairs } = await appendRecords(path, [{ n: 4 }]);
  assert.deepEqual(
    repairs.map(({ sizeBytes }) => sizeBytes),
    [hole.length + 1, 9],
  );
  assert.equal(
    readFileSync(path, 'utf8'),
    `{"n":1}\n${'\n'.repeat(hole.length + 1)}{"n":3}\n{"n":4}\n`,
  );
  assert.deepEqual(await readAll(path), [{ n: 1 }, { n: 3 }, { n: 4 }]);
});

test('holes side by side are one, and of very many the bytes are kept in one file', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/log.jsonl`;
  const holes = '\0a\n\0b\n';
  writeFileSync(path, `{"n":1}\n${holes.repeat(20)}{"n":2}\n`);
  const [only, ...none] = (await appendRecords(path, [{ n: 3 }])).repairs;
  assert.deepEqual(none, []);
  assert.equal(readFileSync(only?.keptAt ?? '', 'latin1'), holes.repeat(20));

  const scattered = `{"n":2}\n\0c\n`.repeat(40);
  const other = `${directory}/other.jsonl`;
  writeFileSync(other, `{"n":1}\n${scattered}`);
  const { repairs } = await appendRecords(other, [{ n: 3 }]);
  assert.equal(repairs.length, 40);
  const [kept, ...others] = new Set(repairs.map(({ keptAt }) => keptAt));
  assert.deepEqual(others, []);
  const together = scattered.replaceAll('{"n":2}\n', '');
  assert.equal(readFileSync(kept ?? '', 'latin1'), together);
  assert.equal((await readAll(other)).length, 42);
  assert.equal(readdirSync(directory).filter((name) => name.includes('.torn-')).length, 2);
});

test('a hole is looked for as far back as one write reaches, and in a last line of any length', async (t) => {
  const directory = temporaryDirectory(t);
  const near = `${directory}/near.jsonl`;
  const filler = `{"x":"${'x'.repeat(500)}"}\n`;
  const before = filler.repeat(3000);
  const lastWrite = `{"a":"\0"}\n${filler.repeat(Math.floor((WRITE_BYTES - 20) / filler.length))}`;
  writeFileSync(near, before + lastWrite);
  const { repairs } = await appendRecords(near, [{ n: 1 }]);
  assert.deepEqual(
    repairs.map(({ offsetBytes }) => offsetBytes),
    [before.length],
  );

  const long = `${directory}/long.jsonl`;
  writeFileSync(long, `{"n":1}\n{"a":"${'y'.repeat(3 * WRITE_BYTES)}\0"}\n`);
  assert.equal((await appendRecords(long, [{ n: 2 }])).repairs[0]?.offsetBytes, 8);
  assert.deepEqual(await readAll(long), [{ n: 1 }, { n: 2 }]);
});

test('a write is at most as long as the distance in which holes are looked for, or one record', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const sizes: number[] = [];
  const fs: Fs = {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      const write = file.write.bind(file);
      file.write = (data, offsetBytes) => {
        if (args[0].endsWith('log.jsonl')) sizes.push(data.length);
        return write(data, offsetBytes);
      };
      return file;
    },
  };
  const large = { text: 'z'.repeat(WRITE_BYTES + 5) };
  const records = [
    ...Array.from({ length: 30 }, () => ({ text: 'y'.repeat(100_000) })),
    large,
    { n: 1 },
  ];
  await appendRecords(path, records, { fs });
  assert.deepEqual(await readAll(path), records);
  const tooLong = sizes.filter((size) => size > WRITE_BYTES);
  assert.deepEqual(tooLong, [JSON.stringify(large).length + 1]);
});

// What fails.

test('when any step fails the log is as it was, and the next append works', async (t) => {
  const directory = temporaryDirectory(t);
  const steps = ['write', 'dataSync', 'sync'];
  for (const isNew of [true, false]) {
    for (const failing of steps) {
      const path = `${directory}/${failing}-${isNew}.jsonl`;
      if (!isNew) writeFileSync(path, '{"n":0}\n');
      const fs = observeFs(nodeFileSystem, {
        before({ call, path: at }) {
          if (call === failing && !at.endsWith('.lock'))
            throw Object.assign(new Error('injected'), { code: 'EIO' });
        },
      });
      await assert.rejects(appendRecords(path, [{ n: 1 }], { fs }), (error: unknown) => {
        assert.ok(
          isHoldfastError(error, failing === 'write' ? 'IO' : 'SYNC_FAILED'),
          String(error),
        );
        assert.equal(error.outcome, failing === 'write' ? 'unchanged' : 'unknown');
        return true;
      });
      assert.equal(existsSync(path), !isNew);
      if (!isNew) assert.equal(readFileSync(path, 'utf8'), '{"n":0}\n');
      await appendRecords(path, [{ n: 2 }]);
      assert.deepEqual((await readAll(path)).at(-1), { n: 2 });
    }
  }
});

test('a disk that takes only some of the bytes is NO_SPACE, and the log is as it was', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  await appendRecords(path, [{ n: 1 }]);
  const before = readFileSync(path);
  const many = Array.from({ length: 40 }, (_, n) => ({ n, text: 'x'.repeat(100_000) }));
  for (const number of [1, 3]) {
    await assert.rejects(
      appendRecords(path, many, { fs: withShortWrite(number) }),
      (error: unknown) => isHoldfastError(error, 'NO_SPACE') && error.outcome === 'unchanged',
    );
    assert.deepEqual(readFileSync(path), before);
  }
});

test('when what was written cannot be taken back the outcome is unknown, and the next append mends it', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  await appendRecords(path, [{ n: 1 }]);
  const fs = observeFs(withShortWrite(1), {
    before({ call }) {
      if (call === 'truncate') throw Object.assign(new Error('injected'), { code: 'EIO' });
    },
  });
  await assert.rejects(
    appendRecords(path, [{ n: 2 }], { fs }),
    (error: unknown) => isHoldfastError(error, 'NO_SPACE') && error.outcome === 'unknown',
  );
  assert.notEqual(readFileSync(path, 'utf8').at(-1), '\n');
  await appendRecords(path, [{ n: 3 }]);
  assert.deepEqual(await readAll(path), [{ n: 1 }, { n: 3 }]);
});

// Waiting.

test('a call inside withLock of the same log is LOCK_NESTED, also when others wait for it', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const outside = await withLock(path, async () => {
    await assert.rejects(appendRecords(path, [{ n: 1 }]), (error: unknown) =>
      isHoldfastError(error, 'LOCK_NESTED'),
    );
    return 'still running';
  });
  assert.equal(outside, 'still running');
  await appendRecords(path, [{ n: 2 }]);
  assert.deepEqual(await readAll(path), [{ n: 2 }]);
});

test('a call gives up after its time or at its signal, and its records are never written', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const controller = new AbortController();
  const lock = await acquireLock(path);
  const appends = Promise.allSettled([
    appendRecords(path, [{ n: 1 }], { timeoutMs: 20 }),
    appendRecords(path, [{ n: 2 }], { signal: controller.signal }),
    appendRecords(path, [{ n: 3 }]),
  ]);
  controller.abort(new Error('enough'));
  await assert.rejects(
    appendRecords(path, [{ n: 4 }], { signal: controller.signal }),
    (error: unknown) => isHoldfastError(error, 'ABORTED'),
  );
  await assert.rejects(appendRecords(path, [{ n: 5 }], { timeoutMs: 30 }));
  await lock.release();
  const results = await appends;
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(await readAll(path), [{ n: 3 }]);
});

test('a path through a symlink and .. is the log that reading it reads', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/x/sub`, { recursive: true });
  mkdirSync(`${root}/y`);
  symlinkSync('../x/sub', `${root}/y/link`);
  await appendRecords(`${root}/y/link/../log.jsonl`, [{ a: 1 }]);
  assert.equal(readFileSync(`${root}/x/log.jsonl`, 'utf8'), '{"a":1}\n');
});
