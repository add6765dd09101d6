import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountFilesystem } from '@holdfast/tools/testing';
import { killAroundSteps, killWithinRecovery } from './kill.js';

for (const type of ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const) {
  test(`${type}: a process killed before or after any step leaves all or nothing`, async (t) => {
    assert.ok((await killAroundSteps(mountFilesystem(t, type), 1)) > 40);
  });

  test(`${type}: a recovery killed at any step is finished by the next one`, async (t) => {
    assert.ok((await killWithinRecovery(mountFilesystem(t, type), 1)) >= 8);
  });
}
