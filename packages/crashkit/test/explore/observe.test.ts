import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { nodeFileSystem } from 'holdfast/os';
import { observeFs, type FsStep } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';

test('every step is seen, in order, and looking is no step', async (t) => {
  const directory = temporaryDirectory(t);
  const steps: FsStep[] = [];
  const fs = observeFs(nodeFileSystem, { after: (step) => void steps.push(step) });
  const file = await fs.open(`${directory}/a`, { access: 'write', create: 'exclusive' });
  await file.write(Buffer.from('x'), 0);
  await file.sync();
  await file.close();
  await fs.stat(`${directory}/a`);
  await fs.rename(`${directory}/a`, `${directory}/b`);
  assert.deepEqual(steps, [
    { index: 0, call: 'open', path: `${directory}/a` },
    { index: 1, call: 'write', path: `${directory}/a` },
    { index: 2, call: 'sync', path: `${directory}/a` },
    { index: 3, call: 'rename', path: `${directory}/a`, to: `${directory}/b` },
  ]);
  assert.equal(readFileSync(`${directory}/b`, 'utf8'), 'x');
});

test('a step that the observer fails is not made', async (t) => {
  const directory = temporaryDirectory(t);
  const fs = observeFs(nodeFileSystem, {
    before: () => {
      throw new Error('no disk');
    },
  });
  await assert.rejects(fs.mkdir(`${directory}/a`), /no disk/);
  assert.equal(await fs.exists(`${directory}/a`), false);
});
