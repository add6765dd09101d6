/** Processes that are killed on one machine, and another machine that goes on, by NFS. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exploreKills, printViolation } from '@holdfast/crashkit';
import { nfsClients } from '@holdfast/tools/testing';

const module = new URL('nfs-scenarios.js', import.meta.url).href;

const kills = {
  'a transaction': 5,
  'a publish by two renames': 3,
  'an update': 2,
} as const;

for (const [scenario, most] of Object.entries(kills)) {
  test(`what a process leaves that is killed in ${scenario}, another machine takes up`, async (t) => {
    const { a: directory } = nfsClients(t);
    const options = { module, scenario, directory, moments: ['before', 'after'], most } as const;
    const { cases, violations } = await exploreKills(options);
    assert.deepEqual(violations.map(printViolation), []);
    assert.ok(cases >= most - 1, `${cases} kills`);
  });
}
