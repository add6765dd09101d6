import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { killAroundSteps } from './kill.js';

test('a process killed before or after a step leaves all or nothing', async (t) => {
  const directory = temporaryDirectory(t);
  // The root suite kills around each step, on Linux. There is none for Windows, so it is done here; what is on disk after one
  // step is what is there before the next.
  const steps =
    process.platform === 'win32'
      ? await killAroundSteps(directory, 1, ['before'])
      : await killAroundSteps(directory, 8);
  assert.ok(steps >= (process.platform === 'win32' ? 60 : 8), `${steps} steps`);
});
