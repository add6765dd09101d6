/** Documents that several processes update at once, ours and Python's: none of them loses a change. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { readJson, updateJson } from 'holdfast';
import { runs, startWriter, type Writer, type WriterKind } from './writers.js';

const WRITERS = 50;
const UPDATES = 20;

async function writersLoseNothing(path: string, kindOf: (i: number) => WriterKind): Promise<void> {
  const writers = Array.from({ length: WRITERS }, (_, i) =>
    startWriter(kindOf(i), path, `w${i}`, UPDATES),
  );
  for (const writer of writers) assert.equal(await writer.ended, 0);
  assert.equal(Object.keys(await readJson<object>(path)).length, WRITERS * UPDATES);
}

test(`50 writers x 20 updates in one process: 1,000 kept, ${runs} runs of ${runs}`, async (t) => {
  const directory = temporaryDirectory(t);
  for (let run = 0; run < runs; run += 1) {
    const path = `${directory}/${run}.json`;
    const writer = async (name: number): Promise<void> => {
      for (let i = 0; i < UPDATES; i += 1) {
        await updateJson(path, (document) => void (document[`w${name}-${i}`] = i));
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, name) => writer(name)));
    assert.equal(Object.keys(await readJson<object>(path)).length, WRITERS * UPDATES);
  }
});

test(`50 processes x 20 updates: 1,000 kept, ${runs} runs of ${runs}`, async (t) => {
  const directory = temporaryDirectory(t);
  for (let run = 0; run < runs; run += 1) {
    await writersLoseNothing(`${directory}/${run}.json`, () => 'json');
  }
});

test(`25 processes and 25 Python writers x 20 updates: 1,000 kept, ${runs} runs of ${runs}`, async (t) => {
  const directory = temporaryDirectory(t);
  for (let run = 0; run < runs; run += 1) {
    await writersLoseNothing(`${directory}/${run}.json`, (i) => (i % 2 ? 'python' : 'json'));
  }
});

test('writers killed at any moment leave a whole document with all that was acknowledged', async (t) => {
  const path = `${temporaryDirectory(t)}/document.json`;
  const kinds: readonly WriterKind[] = ['json', 'python'];
  const all: Writer[] = [];
  for (let round = 0; round < 12; round += 1) {
    const batch = kinds.flatMap((kind) =>
      [0, 1].map((i) => startWriter(kind, path, `${kind}-${round}-${i}`, 0)),
    );
    all.push(...batch);
    for (const [i, writer] of batch.entries()) {
      await writer.acknowledges(1 + i);
      writer.process.kill('SIGKILL');
      JSON.parse(readFileSync(path, 'utf8'));
    }
    for (const writer of batch) assert.equal(await writer.ended, null);
  }
  const document = await readJson<Record<string, unknown>>(path);
  const acknowledged = all.flatMap((writer) => writer.acknowledged);
  assert.ok(acknowledged.length >= 2 * 12);
  assert.deepEqual(
    acknowledged.filter((key) => !(key in document)),
    [],
  );
});
