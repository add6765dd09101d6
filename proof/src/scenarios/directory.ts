/**
 * publishDirectory: a first publish, replacements, and both after a publish that died; with one
 * sync of the filesystem, with previous trees kept, and where there is no exchange.
 */
import type { PublishDirectoryOptions } from 'holdfast';
import type { Fs } from 'holdfast/os';
import {
  allowedAfter,
  attemptAgainstOthers,
  type ScenarioAt,
  scenarioOfSteps,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { seeTree } from './reading.js';
import { withoutExchange } from './without-exchange.js';

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
        observe: async (fs) => {
          await checkPrevious(fs, root);
          return seeTree(fs, `${root}/out`);
        },
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
  /**
   * Both replace the same tree, and one of them may lose; the loser must not take the winner's tree
   * away.
   */
  const twoProcesses: ScenarioAt = (root) => ({
    name: 'publishDirectory: two processes',
    root,
    setup: async (fs) => {
      await publish(fs, `${root}/out`, first, 'fail');
    },
    async run(world) {
      const publishes = ['x', 'y'].map((letter) => {
        const process = world.newProcess();
        return attemptAgainstOthers(world, letter, () =>
          publish(process, `${root}/out`, { a: letter }, 'replace', { keepPrevious: 1 }),
        );
      });
      await Promise.all(publishes);
    },
    async check(fs, acknowledged) {
      const seen = await seeTree(fs, `${root}/out`);
      const allowed = ['x', 'y'].flatMap((letter) =>
        allowedAfter(acknowledged, letter, '', `{a="${letter}"}`),
      );
      const isOld = !acknowledged.some((label) => label.endsWith('done'));
      if (!allowed.includes(seen) && !(isOld && seen.startsWith('{a="first a"'))) {
        throw new Error(`after "${acknowledged.join(', ')}" a reader sees ${seen}`);
      }
      await checkPrevious(fs, root);
      await plan(root).nextRun(fs);
    },
  });

  /** A previous tree is whole for as long as it has its name. */
  const checkPrevious = async (fs: Fs, root: string): Promise<void> => {
    const names = (await fs.readDirectory(root)).map(({ name }) => name);
    for (const name of names.filter((each) => each.startsWith('out.previous-'))) {
      const seen = await seeTree(fs, `${root}/${name}`);
      const whole = [
        /^\{a="first a" sub=\{b=/,
        /^\{a="second a" c="second c" sub=\{b=/,
        /^\{a="[xy]"\}$/,
      ];
      if (!whole.some((form) => form.test(seen))) throw new Error(`of ${name} there is ${seen}`);
    }
  };

  /**
   * The replaced tree lies beside the target for a while; once the target is removed it must not
   * come back.
   */
  const thenRemoved: ScenarioAt = (root) => {
    const { recover, steps, ...rest } = replaceTwicePlan(root);
    return scenarioOfSteps({
      ...rest,
      name: 'publishDirectory: two renames, then removed',
      // A replaced tree that could not be removed comes back when its target is removed:
      // docs/guarantees.md says so.
      engines: ['model', 'race', 'kill', 'power'],
      recover,
      steps: [
        ...steps.slice(0, 1),
        {
          label: 'remove',
          call: (fs) => api.transaction(root, (tx) => tx.remove(`${root}/out`), { fs }),
        },
      ],
    });
  };
  const replaceTwicePlan = (root: string) => ({
    ...plan(root),
    setup: async (fs: Fs) => {
      await publish(fs, `${root}/out`, first, 'fail');
    },
    recover: async (fs: Fs) => {
      await api.sweepOrphans(root, { fs });
    },
    steps: [
      {
        label: 'replace',
        call: (fs: Fs) =>
          publish(withoutExchange(fs), `${root}/out`, second, 'replace', {
            withoutExchange: 'twoRenames',
          }),
      },
    ],
  });

  /** A run that fails or dies keeps its stage, and the next one takes it over. */
  const resume: ScenarioAt = (root) => {
    const write = (fs: Fs, content: string): Promise<unknown> =>
      api.publishDirectory(
        `${root}/out`,
        async (stage) => {
          await stage.write('a', content, { overwrite: true });
          await stage.write('b', long(content), { overwrite: true });
        },
        { fs, ifExists: 'replace', resume: true },
      );
    return scenarioOfSteps({
      name: 'publishDirectory: resume',
      root,
      setup: async (fs) => {
        await write(fs, '0');
      },
      observe: (fs) => seeTree(fs, `${root}/out`),
      steps: [
        { label: 'resume', call: (fs) => write(fs, '1') },
        { label: 'again', call: (fs) => write(fs, '2') },
      ],
      nextRun: async (fs) => {
        const before = await seeTree(fs, `${root}/out`);
        const failed = await api
          .publishDirectory(
            `${root}/out`,
            async (stage) => {
              await stage.write('a', 'half', { overwrite: true });
              throw new Error('the run fails');
            },
            { fs, ifExists: 'replace', resume: true },
          )
          .then(
            () => false,
            () => true,
          );
        const after = await seeTree(fs, `${root}/out`);
        if (!failed || after !== before) throw new Error(`a run that failed left ${after}`);
        await write(fs, 'n');
      },
    });
  };

  return {
    'publishDirectory: two processes': twoProcesses,
    'publishDirectory: two renames, then removed': thenRemoved,
    'publishDirectory: resume': resume,
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
