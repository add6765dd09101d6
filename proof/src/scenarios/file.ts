/**
 * replaceFile: a first write, overwrites, through a symlink, never over an existing file, and two
 * processes at once.
 */
import type { Fs } from 'holdfast/os';
import {
  allowedAfter,
  attempt,
  checkNamesBelow,
  type ScenarioAt,
  scenarioOfSteps,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { seeFile } from './reading.js';

/** Two pages and a bit, so that a part of it can be lost. */
const long = (letter: string): string => letter.repeat(9000);

export function fileScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const replace = (fs: Fs, path: string, data: string, options = {}): Promise<void> =>
    api.replaceFile(path, data, { ...options, fs });
  const plan = (root: string) => ({
    root,
    observe: (fs: Fs) => seeFile(fs, `${root}/target`),
    nextRun: (fs: Fs) => replace(fs, `${root}/target`, 'next'),
  });
  return {
    'replaceFile: first, then over it': (root) =>
      scenarioOfSteps({
        name: 'replaceFile: first, then over it',
        ...plan(root),
        steps: [
          { label: 'first', call: (fs) => replace(fs, `${root}/target`, 'first') },
          { label: 'second', call: (fs) => replace(fs, `${root}/target`, long('2')) },
          { label: 'third', call: (fs) => replace(fs, `${root}/target`, 'third') },
        ],
      }),
    'replaceFile: through a symlink': (root) =>
      scenarioOfSteps({
        name: 'replaceFile: through a symlink',
        ...plan(root),
        setup: async (fs) => {
          await fs.mkdir(`${root}/elsewhere`);
          await fs.symlink('elsewhere/file', `${root}/target`);
        },
        steps: [
          { label: 'dangling', call: (fs) => replace(fs, `${root}/target`, 'made') },
          { label: 'over', call: (fs) => replace(fs, `${root}/target`, long('o')) },
        ],
      }),
    'replaceFile: only where nothing is': (root) =>
      scenarioOfSteps({
        name: 'replaceFile: only where nothing is',
        ...plan(root),
        steps: [
          {
            label: 'make',
            call: (fs) => replace(fs, `${root}/target`, long('m'), { ifExists: 'fail' }),
          },
        ],
      }),
    'replaceFile: two processes': (root) => ({
      name: 'replaceFile: two processes',
      root,
      async run(world) {
        const write = async (process: Fs, letter: string): Promise<boolean> => {
          const own = `${root}/${letter}`;
          await attempt(world, letter, () => replace(process, own, letter));
          return attempt(world, `shared ${letter}`, () =>
            replace(process, `${root}/shared`, letter),
          );
        };
        const [first, second, third] = [world.fs, world.newProcess(), world.newProcess()];
        await Promise.all([write(first, 'a'), write(second, 'b'), write(third, 'c')]);
      },
      async check(fs, acknowledged) {
        const shared = await seeFile(fs, `${root}/shared`);
        const mayBeShared: string[] = [];
        for (const letter of ['a', 'b', 'c']) {
          const [before, after] = ['(none)', `"${letter}"`];
          const seen = await seeFile(fs, `${root}/${letter}`);
          const allowed = allowedAfter(acknowledged, letter, before, after);
          if (!allowed.includes(seen)) throw new Error(`${letter} holds ${seen}`);
          mayBeShared.push(...allowedAfter(acknowledged, `shared ${letter}`, before, after));
        }
        if (!mayBeShared.includes(shared)) throw new Error(`the shared file holds ${shared}`);
        await replace(fs, `${root}/shared`, 'next');
        await checkNamesBelow(fs, root, ['a', 'b', 'c', 'shared']);
      },
    }),
  };
}
