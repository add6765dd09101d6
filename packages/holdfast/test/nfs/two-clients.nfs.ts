/**
 * Two machines that share a directory by NFS: whatever both change, no acknowledged change of
 * either is lost.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { nfsClients, onBothMachines } from '@holdfast/tools/testing';
import { publishDirectory, readJson, readRecords } from 'holdfast';

const UPDATES = 200;
const APPENDS = 200;
const TRANSACTIONS = 200;
const PUBLISHES = 30;

const client = new URL('./client.js', import.meta.url);

test('no update of a document is lost between two machines', async (t) => {
  const clients = nfsClients(t);
  const { a, b } = clients;
  await onBothMachines(t, clients, client, 'update', String(UPDATES));
  assert.deepEqual(await readJson(`${a}/document.json`), { a: UPDATES, b: UPDATES });
  assert.deepEqual(await readJson(`${b}/document.json`), { a: UPDATES, b: UPDATES });
});

test('no record is lost between two machines that append and compact', async (t) => {
  const clients = nfsClients(t);
  const { a } = clients;
  await onBothMachines(t, clients, client, 'append', String(APPENDS));
  const seen = new Set<string>();
  for await (const record of readRecords(`${a}/log.jsonl`)) seen.add(JSON.stringify(record));
  assert.equal(seen.size, 2 * APPENDS);
});

test('no transaction is lost between two machines', async (t) => {
  const clients = nfsClients(t);
  const { a, server } = clients;
  mkdirSync(`${a}/sub`);
  await onBothMachines(t, clients, client, 'transaction', String(TRANSACTIONS));
  assert.deepEqual(await readJson(`${a}/document.json`), { a: TRANSACTIONS, b: TRANSACTIONS });
  assert.deepEqual(await readJson(`${a}/sub/copy.json`), { a: TRANSACTIONS, b: TRANSACTIONS });
  assert.deepEqual(left(server), []);
});

test('no publish is lost between two machines that replace each other’s trees', async (t) => {
  const clients = nfsClients(t);
  const { a, b, server } = clients;
  await publishDirectory(`${a}/tree`, (stage) => stage.write('counts.json', '{}'));
  await onBothMachines(t, clients, client, 'publish', String(PUBLISHES));
  assert.deepEqual(await readJson(`${a}/tree/counts.json`), { a: PUBLISHES, b: PUBLISHES });
  assert.deepEqual(await readJson(`${b}/tree/counts.json`), { a: PUBLISHES, b: PUBLISHES });
  const trees = readdirSync(server).filter((name) => name !== 'tree.lock');
  assert.deepEqual(trees.length, 3, `the tree and the two before it: ${trees.join(', ')}`);
  for (const [before, tree] of trees
    .filter((name) => name !== 'tree')
    .toSorted(byNumber)
    .entries()) {
    const counts = await readJson<Record<string, number>>(`${b}/${tree}/counts.json`);
    assert.equal((counts['a'] ?? 0) + (counts['b'] ?? 0), 2 * PUBLISHES - 2 + before, tree);
  }
  assert.deepEqual(left(server), []);
});

/** What is left of what was staged. */
function left(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => /staging|\.tmp$|\.nfs/.test(name));
}

function byNumber(one: string, other: string): number {
  return Number(/\d+$/.exec(one)) - Number(/\d+$/.exec(other));
}
