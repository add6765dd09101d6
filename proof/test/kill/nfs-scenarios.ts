/**
 * Work of one machine for the kill engine; what it left is judged by another one, on the second
 * mount.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ScenarioAt } from '@holdfast/crashkit';
import { publishDirectory, readJson, updateJson, withLock } from 'holdfast';
import type { Fs } from 'holdfast/os';
import { everyChange } from '@holdfast/tools/testing';

const { after, before, paths, run, setUp, snapshot } = everyChange;

/** The same directory as the other machine sees it, and as the server has it. */
function seenBy(mount: 'B' | 'SERVER', root: string): string {
  const [own = '', other = ''] = ['A', mount].map((side) => process.env[`HOLDFAST_NFS_${side}`]);
  assert.ok(own !== '' && other !== '' && root.startsWith(own));
  return `${other}${root.slice(own.length)}`;
}

async function publish(root: string, generation: number, fs?: Fs): Promise<void> {
  await publishDirectory(
    `${root}/tree`,
    async (stage) => {
      for (const name of ['one.json', 'two.json'])
        await stage.write(name, JSON.stringify({ generation }));
    },
    { ifExists: 'replace', withoutExchange: 'twoRenames', keepPrevious: 1, ...(fs && { fs }) },
  );
}

async function generationOf(tree: string): Promise<number> {
  const [one, two] = [await readJson(`${tree}/one.json`), await readJson(`${tree}/two.json`)];
  assert.deepEqual(one, two);
  return (one as { generation: number }).generation;
}

let reads = 0;

export const scenarios: Readonly<Record<string, ScenarioAt>> = {
  'a transaction': (root) => ({
    name: 'a transaction',
    root,
    setup: async () => setUp(root),
    async run({ fs, acknowledge }) {
      await run(root, fs);
      acknowledge('done');
    },
    async check(_, acknowledged) {
      const [other, server] = [seenBy('B', root), seenBy('SERVER', root)];
      const isCommitted =
        existsSync(join(server, '.holdfast-journal')) || acknowledged.includes('done');
      reads += 1;
      const path = paths[reads % paths.length] as string;
      await withLock(join(other, path), () => undefined);
      const states = isCommitted ? [after] : [before, after];
      const left = JSON.stringify(snapshot(server));
      assert.ok(
        states.some((state) => JSON.stringify(state) === left),
        left,
      );
      assert.equal(existsSync(join(server, '.holdfast-journal')), false);
    },
  }),

  'a publish by two renames': (root) => ({
    name: 'a publish by two renames',
    root,
    setup: () => publish(root, 1),
    async run({ fs, acknowledge }) {
      await publish(root, 2, fs);
      acknowledge('published');
    },
    async check(_, acknowledged) {
      const [other, server] = [seenBy('B', root), seenBy('SERVER', root)];
      await publish(other, 3);
      assert.equal(await generationOf(`${server}/tree`), 3);
      const kept = readdirSync(server).filter((name) => name.includes('.previous-'));
      const generations = await Promise.all(kept.map((name) => generationOf(join(server, name))));
      const newest = acknowledged.includes('published') ? [2] : [1, 2];
      assert.ok(newest.includes(Math.max(...generations)), `kept: ${generations.join(', ')}`);
    },
  }),

  'an update': (root) => ({
    name: 'an update',
    root,
    setup: async () => {
      await updateJson(`${root}/document.json`, () => ({ n: 1 }));
    },
    async run({ fs, acknowledge }) {
      await updateJson<{ n: number }>(`${root}/document.json`, ({ n }) => ({ n: n + 1 }), { fs });
      acknowledge('2');
    },
    async check(_, acknowledged) {
      const other = `${seenBy('B', root)}/document.json`;
      const { n } = await readJson<{ n: number }>(other);
      assert.ok(acknowledged.includes('2') ? n === 2 : n === 1 || n === 2, `it holds ${n}`);
      assert.deepEqual(await updateJson<{ n: number }>(other, () => ({ n: n + 10 })), {
        n: n + 10,
      });
    },
  }),
};
