/**
 * Documents that several processes update at once, ours and Python's: none of them loses a change.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { runs, temporaryDirectory } from '@holdfast/tools/testing';
import { readJson, updateJson } from 'holdfast';
import { startWriter, type Writer, type WriterKind } from './writers.js';

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

test('Python reads what it wrote: floats stay floats, and nothing but the change differs', async (t) => {
  const path = `${temporaryDirectory(t)}/p.json`;
  const python = (program: string): string =>
    execFileSync('python3', ['-c', `import json\np = ${JSON.stringify(path)}\n${program}`], {
      encoding: 'utf8',
    });
  for (const layout of [
    '',
    ', indent=2',
    ', separators=(",", ":")',
    ', indent="\\t", sort_keys=True',
  ]) {
    python(
      `json.dump({"lr": 1.0, "n": 1e16, "s": "é", "l": [1, 2.5, {}], "o": {"b": -0.0}}, open(p, "w")${layout})`,
    );
    const before = readFileSync(path, 'utf8');
    await updateJson<{ o: Record<string, number>; z: number }>(path, (document) => {
      document.z = 1;
      document.o['c'] = 2.5;
    });
    const seen = python('d = json.load(open(p))\nprint([repr(v) for v in d.values()])');
    assert.match(seen, /'1\.0', '1e\+16'|'1e\+16'.*'1\.0'|'1\.0'.*'1e\+16'/);
    assert.match(seen, /"\{'b': -0\.0, 'c': 2\.5\}"/);
    await updateJson<{ o: Record<string, number>; z?: number }>(path, (document) => {
      delete document.z;
      delete document.o['c'];
    });
    assert.equal(readFileSync(path, 'utf8'), before);
  }
  // Any numbers, as Python spells them.
  python(
    'json.dump({"f": [x / 7 for x in range(-50, 50)] + [float(10 ** x) for x in range(30)]}, open(p, "w"))',
  );
  const before = python('print(json.load(open(p))["f"])');
  await updateJson(path, (document) => void (document['z'] = 1));
  assert.equal(python('print(json.load(open(p))["f"])'), before);
  writeFileSync(path, '[1.0]');
  await updateJson<number[]>(path, (list) => void list.push(2), { indent: undefined });
  assert.equal(python('print(json.load(open(p)))'), '[1.0, 2]\n');
});
