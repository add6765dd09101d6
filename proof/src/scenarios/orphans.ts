/**
 * sweepOrphans after publishers that were killed, without a power loss: what the sweep removes,
 * moves or puts back may be needed when the power goes later, since nobody has synced what the
 * killed publisher did.
 */
import type { PublishDirectoryOptions } from 'holdfast';
import type { Fs } from 'holdfast/os';
import { attempt, type Call, type ScenarioAt, type World } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { callOn, killedBefore } from './killed-process.js';
import { seeTree } from './reading.js';
import { withoutExchange } from './without-exchange.js';

const long = (letter: string): string => letter.repeat(5000);
const OLD = 'old';
const NEW = 'new';

export function orphanScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const publish = (
    fs: Fs,
    path: string,
    content: string,
    options: PublishDirectoryOptions = {},
  ): Promise<unknown> =>
    api.publishDirectory(
      path,
      async (stage) => {
        await stage.write('a', content);
        await stage.write('b', long(content));
      },
      { fs, ifExists: 'replace', ...options },
    );

  /** What a tree holds: one content whole, or nothing. */
  const see = async (fs: Fs, path: string): Promise<string> => {
    const seen = await seeTree(fs, path);
    const content = [OLD, NEW, 'next'].find((each) => seen.startsWith(`{a="${each}" b="${each}`));
    if (content !== undefined && seen.includes(`(${long(content).length},`)) return content;
    if (seen === '(none)') return seen;
    throw new Error(`a reader sees ${seen.slice(0, 200)} at ${path}`);
  };

  const seePrevious = async (fs: Fs, root: string): Promise<readonly string[]> => {
    const names = (await fs.readDirectory(root)).map(({ name }) => name);
    const previous = names.filter((name) => name.startsWith('out.previous-'));
    return Promise.all(previous.map((name) => see(fs, `${root}/${name}`)));
  };

  const killedPublish = (
    world: World,
    root: string,
    isLast: (call: Call) => boolean,
    options: PublishDirectoryOptions & { readonly seenAs?: (fs: Fs) => Fs } = {},
  ): Promise<void> => {
    const { seenAs = (fs: Fs): Fs => fs, ...others } = options;
    return killedBefore(world.newProcess(), isLast, (fs) =>
      publish(seenAs(fs), `${root}/out`, NEW, others),
    );
  };

  const setupOld =
    (root: string) =>
    async (fs: Fs): Promise<void> => {
      await fs.mkdir(`${root}/salvaged`);
      await publish(fs, `${root}/out`, OLD);
    };

  /**
   * Tells what became of each orphan: where calls are made to fail there may be none, or it may be
   * left.
   */
  const sweepAll = async (world: World, root: string, salvageTo?: string): Promise<void> => {
    const options = salvageTo === undefined ? {} : { salvageTo };
    await attempt(world, 'sweep', async () => {
      const swept = await api.sweepOrphans(root, { fs: world.fs, ...options });
      for (const { action } of swept) world.acknowledge(action);
    });
  };

  /** Publishes twice more, with one previous tree kept: each of them must be whole all the time. */
  const checkNextRuns = async (fs: Fs, root: string): Promise<void> => {
    for (const content of ['next', NEW, 'next']) {
      await publish(fs, `${root}/out`, content, { keepPrevious: 1 });
      if ((await see(fs, `${root}/out`)) !== content) throw new Error('the next publish is lost');
      await seePrevious(fs, root);
    }
    await api.sweepOrphans(root, { fs });
    const left = (await api.listOrphans(root, { fs })).map(({ path }) => path);
    if (left.length > 0) throw new Error(`orphans are left: ${left.join(', ')}`);
  };

  return {
    'sweepOrphans: a replaced tree': (root) => ({
      name: 'sweepOrphans: a replaced tree',
      root,
      setup: setupOld(root),
      async run(world) {
        await killedPublish(world, root, callOn('sync', root));
        await sweepAll(world, root);
      },
      async check(fs) {
        if ((await see(fs, `${root}/out`)) === '(none)') throw new Error('the tree is lost');
        await checkNextRuns(fs, root);
      },
    }),
    'sweepOrphans: a tree to be kept': (root) => ({
      name: 'sweepOrphans: a tree to be kept',
      root,
      setup: setupOld(root),
      async run(world) {
        await killedPublish(world, root, callOn('sync', root), { keepPrevious: 1 });
        await sweepAll(world, root);
      },
      async check(fs, acknowledged) {
        if ((await see(fs, `${root}/out`)) === '(none)') throw new Error('the tree is lost');
        const previous = await seePrevious(fs, root);
        if (acknowledged.includes('kept') && previous.join(' ') !== OLD) {
          throw new Error(`the sweep has kept the old tree, and there is ${previous.join(' ')}`);
        }
        await checkNextRuns(fs, root);
      },
    }),
    'sweepOrphans: a tree to be put back': (root) => ({
      name: 'sweepOrphans: a tree to be put back',
      root,
      setup: setupOld(root),
      async run(world) {
        const isLast = callOn('rename', `${root}/out`, 2);
        const options = { withoutExchange: 'twoRenames', seenAs: withoutExchange } as const;
        await killedPublish(world, root, isLast, options);
        await sweepAll(world, root);
      },
      async check(fs, acknowledged) {
        if (!acknowledged.includes('putBack')) await api.sweepOrphans(root, { fs });
        if ((await see(fs, `${root}/out`)) !== OLD) throw new Error('the tree is not back');
        await checkNextRuns(fs, root);
      },
    }),
    'sweepOrphans: salvage': (root) => ({
      name: 'sweepOrphans: salvage',
      root,
      // With failing calls there may be half a stage to salvage.
      engines: ['model', 'race', 'kill', 'power'],
      setup: async (fs) => {
        await setupOld(root)(fs);
        await killedBefore(fs, callOn('exchange', `${root}/out`), (dying) =>
          publish(dying, `${root}/out`, NEW),
        );
      },
      run: (world) => sweepAll(world, root, `${root}/salvaged`),
      async check(fs, acknowledged) {
        const orphans = await api.listOrphans(root, { fs });
        const salvaged = await fs.readDirectory(`${root}/salvaged`);
        const isDone = acknowledged.includes('salvaged');
        if (isDone && orphans.length > 0) throw new Error('what was salvaged is an orphan again');
        for (const { name } of salvaged) await see(fs, `${root}/salvaged/${name}`);
        if (isDone && salvaged.length === 0) throw new Error('what was salvaged is lost');
        await checkNextRuns(fs, root);
      },
    }),
  };
}
