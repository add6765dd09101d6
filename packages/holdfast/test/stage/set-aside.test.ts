import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { appendRecords, updateJson, type SetAsideRemoval } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A name that was given so many days ago. */
function corruptName(name: string, days: number, index = 0): string {
  const seconds = Math.floor((Date.now() - days * DAY_MS) / 1000).toString(16);
  return `${name}.corrupt-${seconds.padStart(8, '0')}${String(index).padStart(8, '0')}`;
}

function removalsOf(t: TestContext): SetAsideRemoval[] {
  const told: SetAsideRemoval[] = [];
  const hear = (message: unknown): void => void told.push(message as SetAsideRemoval);
  subscribe('holdfast:set-aside', hear);
  t.after(() => unsubscribe('holdfast:set-aside', hear));
  return told;
}

async function quarantine(path: string, keepSetAside?: object): Promise<void> {
  writeFileSync(path, 'broken');
  await updateJson(path, () => ({ n: 1 }), { onCorrupt: 'quarantine', keepSetAside });
}

test('of documents set aside 32 stay, of 90 days, the newest; what goes is told', async (t) => {
  const directory = temporaryDirectory(t);
  const told = removalsOf(t);
  const path = `${directory}/doc.json`;
  const names = Array.from({ length: 40 }, (_, i) => corruptName('doc.json', 1 + i, i));
  const old = corruptName('doc.json', 91);
  for (const name of [...names, old]) writeFileSync(`${directory}/${name}`, 'old');
  await quarantine(path);
  const left = readdirSync(directory).filter((name) => name.includes('.corrupt-'));
  assert.equal(left.length, 32);
  assert.deepEqual(
    names.filter((name) => left.includes(name)),
    names.slice(0, 31),
  );
  assert.deepEqual(
    told.flatMap(({ removed }) => removed).toSorted(),
    [...names.slice(31), old].map((name) => `${directory}/${name}`).toSorted(),
  );
  assert.equal(told[0]?.path, path);
});

test('age alone removes too, but never the newest', async (t) => {
  const directory = temporaryDirectory(t);
  const [kept, gone] = [corruptName('doc.json', 6), corruptName('doc.json', 8)];
  for (const name of [kept, gone]) writeFileSync(`${directory}/${name}`, 'old');
  await quarantine(`${directory}/doc.json`, { maxAgeDays: 7 });
  let left = readdirSync(directory).filter((name) => name.includes('.corrupt-'));
  assert.ok(left.length === 2 && left.includes(kept));
  await quarantine(`${directory}/doc.json`, { maxAgeDays: 0, count: 5 });
  left = readdirSync(directory).filter((name) => name.includes('.corrupt-'));
  assert.equal(left.length, 1);
});

test('what only looks like it stays: other names, symlinks, directories, what belongs to another file', async (t) => {
  const directory = temporaryDirectory(t);
  const others = [
    'doc.json.corrupt-mine',
    'other.json.corrupt-000000010000000a',
    'doc.json.corrupt-000000010000000ab',
  ];
  for (const name of others) writeFileSync(`${directory}/${name}`, '');
  mkdirSync(`${directory}/doc.json.corrupt-0000000100000001`);
  symlinkSync(`${directory}/${others[0]}`, `${directory}/doc.json.corrupt-0000000100000002`);
  const before = readdirSync(directory);
  await quarantine(`${directory}/doc.json`, { count: 1 });
  for (const name of before) assert.ok(readdirSync(directory).includes(name), name);
});

test('of torn bytes so many stay as the call says, those of this call among them', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/log.jsonl`;
  const torn = (log = 'log.jsonl'): string[] =>
    readdirSync(directory).filter((name) => name.startsWith(`${log}.torn-`));
  for (let n = 0; n < 6; n += 1) {
    writeFileSync(path, `{"torn${n}`);
    await appendRecords(path, [{ n }], { keepSetAside: { count: 3 } });
    // Later ones are newer, however fast the machine is.
    const seconds = Date.now() / 1000 - 100 + n;
    for (const name of torn()) utimesSync(`${directory}/${name}`, seconds, seconds);
  }
  assert.equal(torn().length, 3);
  // One that this process has not looked through.
  const other = `${directory}/other.jsonl`;
  writeFileSync(other, Array.from({ length: 10 }, (_, n) => `{"n":${n}}\n\0${n}\n`).join(''));
  await appendRecords(other, [{ n: 7 }], { keepSetAside: { count: 3 } });
  assert.equal(torn('other.jsonl').length, 10);
});
