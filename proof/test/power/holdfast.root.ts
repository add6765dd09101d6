import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explorePower, type PowerFilesystem, printViolation } from '@holdfast/crashkit';

const module = new URL('../../dist/scenarios/holdfast.js', import.meta.url).href;

for (const filesystem of ['ext4', 'xfs', 'btrfs'] satisfies PowerFilesystem[]) {
  for (const scenario of ['replaceFile: first, then over it', 'updateJson: a group']) {
    test(`${scenario}: a power loss on ${filesystem} takes nothing that was acknowledged`, async () => {
      const result = await explorePower({ module, scenario, filesystem, subsets: 6 });
      assert.deepEqual(result.violations.map(printViolation), []);
      assert.ok(result.images >= 5, JSON.stringify(result));
    });
  }
}

test('a write that the disk refuses is told truly, whatever a later sync says', async () => {
  const scenario = 'replaceFile: first, then over it';
  for (const failingWrite of [1, 2, 4]) {
    const options = { module, scenario, filesystem: 'ext4', subsets: 4, failingWrite } as const;
    const { violations } = await explorePower(options);
    assert.deepEqual(violations.map(printViolation), []);
  }
});
