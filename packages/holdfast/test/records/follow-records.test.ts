import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { interceptFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, replaceFile } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { appendRecords } from '#src/records/append-records.js';
import { compactRecords } from '#src/records/compact-records.js';
import { readRecords, type ReadRecordsOptions } from '#src/records/read-records.js';
import { repairRecords } from '#src/records/repair-records.js';

/** Changes are heard of from the kernel, not polled. */
const heard = { follow: true, pollMs: 1e9 } as const;

interface Numbered {
  readonly n: number;
  readonly k?: number;
}

class Follower {
  readonly #records: AsyncGenerator<Numbered, void, undefined>;

  constructor(t: TestContext, path: string, options: ReadRecordsOptions = heard) {
    this.#records = readRecords<Numbered>(path, options);
    t.after(() => this.#records.return());
  }

  async next(count: number): Promise<number[]> {
    const numbers: number[] = [];
    while (numbers.length < count) {
      const { value, done } = await this.#records.next();
      assert.ok(!done);
      numbers.push(value.n);
    }
    return numbers;
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

function lines(...numbers: readonly number[]): string {
  return numbers.map((n) => `${JSON.stringify({ n })}\n`).join('');
}

test('follow: what is there, and what is appended, whoever appends it', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0, 1));
  const follower = new Follower(t, path);
  assert.deepEqual(await follower.next(2), [0, 1]);
  const next = follower.next(3);
  await appendRecords(path, [{ n: 2 }]);
  appendFileSync(path, '{"n":');
  appendFileSync(path, `3}\n${lines(4)}`);
  assert.deepEqual(await next, [2, 3, 4]);
});

test('follow: a log that was overwritten where it is grows like any other', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(7));
  await replaceFile(path, lines(0, 1), { inPlace: 'always' });
  const follower = new Follower(t, path);
  assert.deepEqual(await follower.next(2), [0, 1]);
  const next = follower.next(2);
  await appendRecords(path, [{ n: 2 }]);
  await appendRecords(path, [{ n: 3 }], { maxBytes: 1 });
  assert.deepEqual(await next, [2, 3]);
});

test('follow: a log that is missing, with its directory, is waited for', async (t) => {
  const directory = `${temporaryDirectory(t)}/later`;
  const path = `${directory}/log.csv`;
  const follower = readRecords(path, heard);
  t.after(() => follower.return());
  const next = follower.next();
  mkdirSync(directory);
  await appendRecords(path, [{ n: 1 }]);
  assert.deepEqual((await next).value, { n: '1' });
});

for (const [name, options] of Object.entries({
  'every file is kept': {},
  'few are kept, and nothing is missed that was read in time': { keep: 2 },
})) {
  test(`follow: across rotations, ${name}`, async (t) => {
    const path = `${temporaryDirectory(t)}/log.jsonl`;
    const follower = new Follower(t, path);
    for (let from = 0; from < 200; from += 5) {
      for (const n of range(from, from + 5)) {
        await appendRecords(path, [{ n }], { maxBytes: 40, ...options });
      }
      assert.deepEqual(await follower.next(5), range(from, from + 5));
    }
  });
}

test('follow: a reader that rests goes through all rotated logs that came meanwhile', async (t) => {
  const path = `${temporaryDirectory(t)}/log.csv`;
  await appendRecords(path, [{ n: 0 }]);
  const records = readRecords<{ n: string }>(path, heard);
  t.after(() => records.return());
  await records.next();
  for (const n of range(1, 60)) await appendRecords(path, [{ n }], { maxBytes: 12 });
  assert.ok(existsSync(`${path}.10`));
  const seen: number[] = [];
  while (seen.length < 59) seen.push(Number((await records.next()).value?.n));
  assert.deepEqual(seen, range(1, 60));
});

test('follow: while another goes on appending and rotating, each record once and in order', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const follower = new Follower(t, path);
  await appendRecords(path, [{ n: -1 }]);
  await follower.next(1);
  const next = follower.next(300);
  for (let from = 0; from < 300; from += 10) {
    await Promise.all(
      range(from, from + 10).map((n) => appendRecords(path, [{ n }], { maxBytes: 90 })),
    );
  }
  assert.deepEqual(await next, range(0, 300));
});

/** As another program rotates, in one step for whoever looks. */
function rotate(path: string, ...next: readonly number[]): void {
  renameSync(path, `${path}.1`);
  writeFileSync(path, lines(...next));
}

test('follow: a log that was missing is read from its first record on, rotated or not', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  // Of another time: the log it was rotated from is gone.
  writeFileSync(`${path}.2`, lines(7, 8));
  let hasLooked = (): void => undefined;
  const first = new Promise<void>((resolve) => (hasLooked = resolve));
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path: at }) => {
      if (name === 'lstat' && at.endsWith('.3')) hasLooked();
      return undefined;
    },
  });
  const follower = new Follower(t, path, { ...heard, fs });
  const next = follower.next(3);
  await first;
  writeFileSync(path, lines(0, 1));
  rotate(path, 2);
  assert.deepEqual(await next, [0, 1, 2]);
});

test('follow: a log that is rotated while the reading begins is read from its first record on', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0));
  let isRotated = false;
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path: at }) => {
      if (name === 'lstat' && at.endsWith('.2') && !isRotated) {
        isRotated = true;
        rotate(path, 1);
      }
      return undefined;
    },
  });
  assert.deepEqual(await new Follower(t, path, { ...heard, fs }).next(2), [0, 1]);
});

test('follow: a compaction gives nothing twice, and what comes after it is given', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const append = (n: number) => appendRecords(path, [{ n, k: n % 3 }]);
  const follower = new Follower(t, path);
  for (const n of range(0, 10)) await append(n);
  assert.deepEqual(await follower.next(10), range(0, 10));
  // A record that is equal to an earlier one is a new one.
  await compactRecords(path, { key: 'k' });
  await append(8);
  await append(10);
  assert.deepEqual(await follower.next(2), [8, 10]);
  // What came before the compaction, and was not read yet, is read first.
  await append(11);
  await append(11);
  await compactRecords(path, { key: 'k' });
  await append(12);
  assert.deepEqual(await follower.next(3), [11, 11, 12]);
});

test('follow: compactions and rotations in turn, by appends that keep the log short', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  const follower = new Follower(t, path);
  await appendRecords(path, [{ n: -1, k: -1 }]);
  await follower.next(1);
  const next = follower.next(200);
  const made = new Set<unknown>();
  for (const n of range(0, 200)) {
    const k = Math.floor(n / 50) % 2 === 0 ? n % 2 : n;
    made.add((await appendRecords(path, [{ n, k }], { maxBytes: 150, key: 'k' })).madeRoom);
  }
  assert.deepEqual(await next, range(0, 200));
  assert.deepEqual(made, new Set([undefined, 'compacted', 'rotated']));
});

test('follow: a repair gives the records that were hidden in damaged lines, and no other again', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, `${lines(0)}{"n":1}{"n":2}\n${lines(3)}`);
  const follower = new Follower(t, path, { ...heard, onDamage: 'skip' });
  assert.deepEqual(await follower.next(2), [0, 3]);
  await repairRecords(path);
  await appendRecords(path, [{ n: 4 }]);
  assert.deepEqual(await follower.next(3), [1, 2, 4]);
});

test('follow: a log that is renamed by another program, and made anew, is followed', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0));
  const follower = new Follower(t, path);
  assert.deepEqual(await follower.next(1), [0]);
  appendFileSync(path, lines(1));
  renameSync(path, `${path}-old`);
  writeFileSync(path, lines(2));
  assert.deepEqual(await follower.next(2), [1, 2]);
  rmSync(path);
  writeFileSync(path, lines(3));
  assert.deepEqual(await follower.next(1), [3]);
});

test('follow: a log that is emptied in place begins anew, one that is cut back is read on', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0, 1, 2));
  const follower = new Follower(t, path);
  assert.deepEqual(await follower.next(3), [0, 1, 2]);
  const afterCut = follower.next(1);
  truncateSync(path, lines(0, 1).length);
  await looked(path);
  appendFileSync(path, lines(3));
  assert.deepEqual(await afterCut, [3]);
  const afterEmptied = follower.next(1);
  truncateSync(path, 0);
  await looked(path);
  appendFileSync(path, lines(4));
  assert.deepEqual(await afterEmptied, [4]);
});

/** Resolves when a follower that was told of a change has looked: another one has come that far. */
async function looked(path: string): Promise<void> {
  for (let look = 0; look < 3; look += 1) {
    const reader = readRecords(path, { follow: true, pollMs: 1 });
    const next = reader.next();
    await new Promise((resolve) => setImmediate(resolve));
    await reader.return();
    await next;
  }
}

test('follow: a log that is cut in the middle of a line that was read is TARGET_CHANGED', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0, 1, 2));
  const follower = new Follower(t, path);
  await follower.next(3);
  truncateSync(path, lines(0, 1).length + 3);
  await assert.rejects(follower.next(1), (error) => isHoldfastError(error, 'TARGET_CHANGED'));
});

test('follow: what was read and is something else now is TARGET_CHANGED', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0, 1));
  const follower = new Follower(t, path);
  await follower.next(2);
  writeFileSync(path, lines(5, 6, 7));
  await assert.rejects(follower.next(1), (error) => isHoldfastError(error, 'TARGET_CHANGED'));
});

test('follow: where the kernel tells of nothing it is looked at again and again', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  // Directories that nobody can look at are not watched.
  const refused = Object.assign(new Error('unknown'), { code: 'EACCES' });
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path: at }) =>
      name === 'stat' && !at.includes('.jsonl') ? { throws: refused } : undefined,
  });
  const follower = new Follower(t, path, { follow: true, pollMs: 1, fs });
  const next = follower.next(50);
  for (const n of range(0, 50)) await appendRecords(path, [{ n }], { maxBytes: 90 });
  assert.deepEqual(await next, range(0, 50));
});

test('follow: a rotated log that may not be read is an error, not looked at for ever', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0));
  const refused = Object.assign(new Error('refused'), { code: 'EACCES' });
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path: at }) =>
      name === 'open' && at.endsWith('.1') ? { throws: refused } : undefined,
  });
  const follower = new Follower(t, path, { ...heard, fs });
  await follower.next(1);
  await appendRecords(path, [{ n: 1 }], { maxBytes: 8 });
  await appendRecords(path, [{ n: 2 }], { maxBytes: 8 });
  await assert.rejects(follower.next(1), (error) => isHoldfastError(error, 'IO'));
});

test('follow: a name that leads to another file for a moment (ESTALE) is opened again', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0));
  const stale = Object.assign(new Error('stale'), { code: 'ESTALE' });
  let opens = 0;
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path: at }) =>
      name === 'open' && at.endsWith('.jsonl') && (opens += 1) === 1
        ? { throws: stale }
        : undefined,
  });
  assert.deepEqual(await new Follower(t, path, { ...heard, fs }).next(1), [0]);
  assert.ok(opens > 1);
});

test('follow: leaving ends what is waited for, the signal is ABORTED', async (t) => {
  const path = `${temporaryDirectory(t)}/log.jsonl`;
  writeFileSync(path, lines(0));
  const left = readRecords(path, heard);
  await left.next();
  const waiting = left.next();
  await left.return();
  assert.equal((await waiting).done, true);
  const controller = new AbortController();
  const aborted = readRecords(path, { ...heard, signal: controller.signal });
  await aborted.next();
  const refused = assert.rejects(aborted.next(), (error) => isHoldfastError(error, 'ABORTED'));
  controller.abort();
  await refused;
  await assert.rejects(readRecords(path, { pollMs: 1 }).next(), (error) =>
    isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
});
