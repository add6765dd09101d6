/** publishDirectory: a first publish, a replacement, and both after a publish that died. */
import type { Fs } from 'holdfast/os';
import type { HoldfastApi } from './api.js';
import { seeTree } from './reading.js';
import { scenarioOfSteps } from './steps.js';
import type { ScenarioAt } from '../explore/scenario.js';

/** Longer than a page, so that a part of a file can be lost. */
const long = (letter: string): string => letter.repeat(5000);

type Files = Readonly<Record<string, string>>;
const first: Files = { a: 'first a', 'sub/b': long('1') };
const second: Files = { a: 'second a', 'sub/b': long('2'), c: 'second c' };

export function directoryScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const publish = (fs: Fs, path: string, files: Files, ifExists: 'fail' | 'replace') =>
    api.publishDirectory(
      path,
      async (stage) => {
        for (const [name, content] of Object.entries(files)) await stage.write(name, content);
      },
      { fs, ifExists },
    );
  const plan = (root: string) => ({
    root,
    observe: (fs: Fs) => seeTree(fs, `${root}/out`),
    nextRun: async (fs: Fs) => {
      await publish(fs, `${root}/out`, { next: 'next' }, 'replace');
    },
  });
  return {
    'publishDirectory: first': (root) =>
      scenarioOfSteps({
        name: 'publishDirectory: first',
        ...plan(root),
        steps: [{ label: 'publish', call: (fs) => publish(fs, `${root}/out`, first, 'fail') }],
      }),
    'publishDirectory: replace twice': (root) =>
      scenarioOfSteps({
        name: 'publishDirectory: replace twice',
        ...plan(root),
        setup: async (fs) => {
          await publish(fs, `${root}/out`, first, 'fail');
        },
        steps: [
          { label: 'replace', call: (fs) => publish(fs, `${root}/out`, second, 'replace') },
          { label: 'again', call: (fs) => publish(fs, `${root}/out`, first, 'replace') },
        ],
      }),
  };
}
