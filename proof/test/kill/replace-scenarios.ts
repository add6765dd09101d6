/** One replacement of a file, for the kill engine. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ScenarioAt } from '@holdfast/crashkit';
import { replaceFile } from 'holdfast';

/** What the checks of this process have found: the content, and how many names. */
export const found = new Set<string>();

export const scenarios: Readonly<Record<string, ScenarioAt>> = {
  'replace one file': (root) => ({
    name: 'replace one file',
    root,
    setup: async () => writeFileSync(`${root}/a`, 'old'),
    async run({ fs, acknowledge }) {
      await replaceFile(`${root}/a`, 'new and longer', { fs });
      acknowledge('new');
    },
    async check(fs, acknowledged) {
      const text = readFileSync(`${root}/a`, 'utf8');
      const allowed = acknowledged.includes('new') ? ['new and longer'] : ['old', 'new and longer'];
      assert.ok(allowed.includes(text), text);
      found.add(`${text} with ${readdirSync(root).length} names`);
      await replaceFile(`${root}/a`, 'next', { fs });
      assert.deepEqual(readdirSync(root), ['a']);
    },
  }),
};
