import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { replaceFile } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { startScript } from '../lock/node-process.js';

const replaceAndDie = `
  import { replaceFile } from 'holdfast';
  import { nodeFileSystem } from 'holdfast/os';
  import { killAtStep, observeFs } from '@holdfast/tools/testing';
  const [, path, step, when] = process.argv;
  const fs = observeFs(nodeFileSystem, killAtStep(Number(step), when));
  await replaceFile(path, 'new and longer', { fs });
  console.log('survived');`;

test('a kill before or after any step leaves old or new, and no orphan after the next run', async (t) => {
  const directory = temporaryDirectory(t);
  const seen = new Set<string>();
  for (let step = 0; ; step += 1) {
    for (const when of ['before', 'after']) {
      const path = `${directory}/a`;
      writeFileSync(path, 'old');
      const child = startScript(t, replaceAndDie, [path, String(step), when]);
      const survived = (await child.nextLine()) === 'survived';
      const text = readFileSync(path, 'utf8');
      assert.ok(['old', 'new and longer'].includes(text), `${text} ${when} step ${step}`);
      seen.add(`${text} with ${readdirSync(directory).length} names`);
      await replaceFile(path, 'next', { fs: { ...nodeFileSystem } });
      assert.deepEqual(readdirSync(directory), ['a'], `${when} step ${step}`);
      if (survived) {
        assert.ok(step >= 5, `only ${step} steps were seen`);
        assert.deepEqual([...seen].toSorted(), [
          'new and longer with 1 names',
          'old with 1 names',
          'old with 2 names',
        ]);
        return;
      }
    }
  }
});
