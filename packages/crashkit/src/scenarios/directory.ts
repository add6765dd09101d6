/**
 * publishDirectory: a first publish, replacements, and both after a publish that died; with one sync of the filesystem,
 * with previous trees kept, and where there is no exchange.
 */
import { constants } from 'node:os';
import type { PublishDirectoryOptions } from 'holdfast';
import { systemError, type Fs } from 'holdfast/os';
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
  const publish = (
    fs: Fs,
    path: string,
    files: Files,
    ifExists: 'fail' | 'replace',
    options: PublishDirectoryOptions = {},
  ) =>
    api.publishDirectory(
      path,
      // Nothing is awaited here: publishing waits for every writer that was started.
      (stage) => {
        for (const [name, content] of Object.entries(files)) void stage.write(name, content);
      },
      { fs, ifExists, ...options },
    );
  const plan = (root: string) => ({
    root,
    observe: (fs: Fs) => seeTree(fs, `${root}/out`),
    nextRun: async (fs: Fs) => {
      await publish(fs, `${root}/out`, { next: 'next' }, 'replace');
    },
  });
  const replaceTwice =
    (name: string, options: PublishDirectoryOptions, seenAs: (fs: Fs) => Fs = (fs) => fs) =>
    (root: string) =>
      scenarioOfSteps({
        name,
        ...plan(root),
        setup: async (fs) => {
          await publish(fs, `${root}/out`, first, 'fail');
        },
        recover: async (fs) => {
          await api.sweepOrphans(root, { fs });
        },
        steps: [
          {
            label: 'replace',
            call: (fs) => publish(seenAs(fs), `${root}/out`, second, 'replace', options),
          },
          {
            label: 'again',
            call: (fs) => publish(seenAs(fs), `${root}/out`, first, 'replace', options),
          },
        ],
        mayStay: (path) => /(^|\/)out\.previous-\d(\/|$)/u.test(path),
      });
  return {
    'publishDirectory: one sync of the filesystem': replaceTwice(
      'publishDirectory: one sync of the filesystem',
      { sync: 'filesystem' },
    ),
    'publishDirectory: previous trees': replaceTwice('publishDirectory: previous trees', {
      keepPrevious: 1,
    }),
    'publishDirectory: two renames': replaceTwice(
      'publishDirectory: two renames',
      { withoutExchange: 'twoRenames' },
      withoutExchange,
    ),
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

/** A filesystem like NFS, which has no exchange. */
function withoutExchange(fs: Fs): Fs {
  return new Proxy(fs, {
    get(inner, name) {
      if (name === 'exchange') return refuseExchange;
      const value: unknown = Reflect.get(inner, name);
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
    },
  });
}

async function refuseExchange(path: string): Promise<never> {
  throw systemError(constants.errno.EINVAL, 'renameat2', path);
}
