import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explorePower, printViolation, type PowerFilesystem } from '@holdfast/crashkit';

const module = new URL('../samples/replace-programs.js', import.meta.url).href;

for (const filesystem of ['ext4', 'xfs', 'btrfs'] satisfies PowerFilesystem[]) {
  test(`a replacement that does every step survives power loss on ${filesystem}`, async () => {
    const result = await explorePower({ module, scenario: 'right', filesystem });
    assert.deepEqual(result.violations.map(printViolation), []);
    assert.ok(result.images >= 5 && result.flushes >= 2, JSON.stringify(result));
  });

  test(`a replacement that does not sync the directory loses an acknowledged write on ${filesystem}`, async () => {
    const result = await explorePower({ module, scenario: 'no directory sync', filesystem });
    assert.deepEqual(
      result.violations.map(({ message }) => message),
      ['an acknowledged write is lost'],
    );
  });
}

test('a replacement without fsync leaves an empty file on xfs', async () => {
  const { violations } = await explorePower({ module, scenario: 'no fsync', filesystem: 'xfs' });
  assert.ok(violations.some(({ message }) => message === 'neither old nor new'));
});
