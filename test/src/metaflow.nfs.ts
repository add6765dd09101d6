/** Metaflow's stores on two machines that share them by NFS (docs/metaflow.md). */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { nfsClients } from '@holdfast/tools/testing';
import { EnvironmentManifest, ProductionTokenStore } from '@holdfast/metaflow';
import { type JsonObject, readJson, updateJson } from 'holdfast';
import { startWriter, type WriterKind } from './writers.js';

const WRITES = 30;

test('no entry of a manifest is lost between our writers on two machines', async (t) => {
  await writersLoseNothing(nfsClients(t), ['manifest', 'manifest']);
});

test('no entry is lost beside Python’s writers where the machines cache no names', async (t) => {
  await writersLoseNothing(nfsClients(t, 'notCached'), ['manifest', 'python']);
});

async function writersLoseNothing(
  { a, b }: { readonly a: string; readonly b: string },
  [kindA, kindB]: readonly [WriterKind, WriterKind],
): Promise<void> {
  mkdirSync(`${a}/Flow`);
  const writers = [
    startWriter(kindA, `${a}/Flow/conda.manifest`, 'a', WRITES),
    startWriter(kindB, `${b}/Flow/conda.manifest`, 'b', WRITES),
  ];
  for (const { ended } of writers) assert.equal(await ended, 0);
  const document = await readJson<JsonObject>(`${b}/Flow/conda.manifest`);
  const acknowledged = writers.flatMap((writer) => writer.acknowledged);
  assert.equal(acknowledged.length, 2 * WRITES);
  assert.deepEqual(Object.keys(document).toSorted(), acknowledged.toSorted());
}

test('a machine finds the entry and the token that another has just written', async (t) => {
  const { a, b } = nfsClients(t);
  const manifests = [a, b].map((root) => new EnvironmentManifest(root, 'Flow'));
  const stores = [a, b].map((home) => new ProductionTokenStore({ home }));
  for (let round = 0; round < WRITES; round += 1) {
    const [writer = 0, reader = 0] = round % 2 === 0 ? [0, 1] : [1, 0];
    await manifests[writer]?.write(['environment', 'linux-64', 'conda'], [round]);
    assert.deepEqual(await manifests[reader]?.read(['environment', 'linux-64', 'conda']), [round]);
    await stores[writer]?.store('flow', `token-${round}`);
    assert.equal(await stores[reader]?.load('flow'), `token-${round}`);
  }
});

test('a token that one machine stores keeps what another writes beside it', async (t) => {
  const { a, b } = nfsClients(t);
  const store = new ProductionTokenStore({ home: a });
  await Promise.all([
    repeat((round) => store.store('flow', `token-${round}`)),
    repeat(() =>
      updateJson<{ count?: number }>(`${b}/flow`, (config) => ({
        ...config,
        count: (config.count ?? 0) + 1,
      })),
    ),
  ]);
  const expected = { production_token: `token-${WRITES}`, count: WRITES };
  assert.deepEqual(await readJson(`${b}/flow`), expected);
});

async function repeat(work: (round: number) => Promise<unknown>): Promise<void> {
  for (let round = 1; round <= WRITES; round += 1) await work(round);
}
