import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exploreKills, printViolation } from '@holdfast/crashkit';
import { mountFilesystem, runs } from '@holdfast/tools/testing';
import { scenarios as publishes } from './publish-scenarios.js';

const moments = ['before', 'after'] as const;

/** Kills around every step of a scenario, and tells how often. */
async function killAll(directory: string, file: string, scenario: string): Promise<number> {
  const module = new URL(file, import.meta.url).href;
  const { cases, violations } = await exploreKills({ module, scenario, directory, moments });
  assert.deepEqual(violations.map(printViolation), []);
  return cases;
}

/**
 * What a kill leaves is the kernel's and hardly the filesystem's: two of them show that, the
 * nightly run takes all.
 */
const types =
  runs === 1 ? (['btrfs', 'tmpfs'] as const) : (['ext4', 'xfs', 'btrfs', 'tmpfs'] as const);
for (const type of types) {
  test(`${type}: a process killed before or after any step leaves all or nothing`, async (t) => {
    const mount = mountFilesystem(t, type);
    assert.ok((await killAll(mount, 'transaction-scenarios.js', 'a transaction')) > 80);
  });

  test(`${type}: a recovery killed at any step is finished by the next one`, async (t) => {
    const mount = mountFilesystem(t, type);
    assert.ok((await killAll(mount, 'transaction-scenarios.js', 'its recovery')) >= 16);
  });

  test(`${type}: a publish killed before or after any step leaves old or new, never a mix`, async (t) => {
    const mount = mountFilesystem(t, type);
    for (const scenario of Object.keys(publishes)) {
      const cases = await killAll(mount, 'publish-scenarios.js', scenario);
      assert.ok(cases >= 20, `${scenario}: only ${cases} kills`);
    }
  });
}
