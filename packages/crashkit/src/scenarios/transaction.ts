/**
 * transaction and recover: several paths change, or none. What a crash leaves is brought to its end by `recover`, which is
 * itself crashed, and that recovery again.
 */
import type { Fs } from 'holdfast/os';
import type { ScenarioAt } from '../explore/scenario.js';
import type { HoldfastApi } from './api.js';
import { seeFile, seeTree } from './reading.js';
import { scenarioOfSteps } from './steps.js';

/** Longer than a page, so that a part of it can be lost. */
const long = (letter: string): string => letter.repeat(5000);

export function transactionScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const replaceBoth = (fs: Fs, root: string, letter: string): Promise<void> =>
    api.transaction(
      root,
      async (tx) => {
        await tx.replaceFile(`${root}/a`, letter);
        await tx.replaceFile(`${root}/sub/b`, long(letter));
      },
      { fs },
    );
  const changeEverything = (fs: Fs, root: string): Promise<void> =>
    api.transaction(
      root,
      async (tx) => {
        await tx.replaceFile(`${root}/a`, 'new a');
        await tx.remove(`${root}/sub/b`);
        await tx.rename(`${root}/c`, `${root}/sub/c`);
        await tx.publishDirectory(`${root}/tree`, (stage) => stage.write('leaf', 'new leaf'), {
          ifExists: 'replace',
        });
      },
      { fs },
    );
  const plan = (root: string) => ({
    root,
    setup: async (fs: Fs) => {
      await fs.mkdir(`${root}/sub`);
    },
    recover: async (fs: Fs) => {
      await api.recover(root, { fs });
    },
    observe: async (fs: Fs) => {
      const files = ['a', 'c', 'sub/b', 'sub/c'].map(
        async (name) => `${name}=${await seeFile(fs, `${root}/${name}`)}`,
      );
      return [...(await Promise.all(files)), await seeTree(fs, `${root}/tree`)].join(' ');
    },
    nextRun: async (fs: Fs) => {
      await replaceBoth(fs, root, 'n');
      await api.sweepOrphans(root, { fs, recursive: true });
    },
  });
  return {
    'transaction: two files, twice': (root) =>
      scenarioOfSteps({
        name: 'transaction: two files, twice',
        ...plan(root),
        steps: [
          { label: 'first', call: (fs) => replaceBoth(fs, root, '1') },
          { label: 'second', call: (fs) => replaceBoth(fs, root, '2') },
        ],
      }),
    'transaction: every kind of change': (root) =>
      scenarioOfSteps({
        name: 'transaction: every kind of change',
        ...plan(root),
        setup: async (fs) => {
          await fs.mkdir(`${root}/sub`);
          await replaceBoth(fs, root, '0');
          await api.replaceFile(`${root}/c`, 'c', { fs });
          await api.publishDirectory(`${root}/tree`, (stage) => stage.write('leaf', 'old'), { fs });
        },
        steps: [{ label: 'change', call: (fs) => changeEverything(fs, root) }],
      }),
  };
}
