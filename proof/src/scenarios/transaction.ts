/**
 * transaction and recover: several paths change, or none. What a crash leaves is brought to its end
 * by `recover`, which is itself crashed, and that recovery again.
 */
import { isHoldfastError } from 'holdfast';
import type { Fs } from 'holdfast/os';
import {
  allowedAfter,
  attempt,
  checkNamesBelow,
  type ScenarioAt,
  scenarioOfSteps,
  type World,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { callOn, killedBefore } from './killed-process.js';
import { seeFile, seeTree } from './reading.js';
import { withoutExchange } from './without-exchange.js';

/** Longer than a page, so that a part of it can be lost. */
const long = (letter: string): string => letter.repeat(5000);

const JOURNAL = '.holdfast-journal';

export function transactionScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  /** Replaces several files, whose paths are relative to the root. */
  const replaceAll = (
    fs: Fs,
    root: string,
    paths: readonly string[],
    data: string,
  ): Promise<void> =>
    api.transaction(
      root,
      async (tx) => {
        for (const path of paths) await tx.replaceFile(`${root}/${path}`, data);
      },
      { fs },
    );
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
  const recover = async (fs: Fs, root: string): Promise<void> => {
    await api.recover(root, { fs });
  };
  const plan = (root: string) => ({
    root,
    setup: async (fs: Fs) => {
      await fs.mkdir(`${root}/sub`);
    },
    recover: (fs: Fs) => recover(fs, root),
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
  const everything = (name: string, seenAs: (fs: Fs) => Fs): ScenarioAt => {
    return (root) =>
      scenarioOfSteps({
        name,
        ...plan(root),
        setup: async (fs) => {
          await fs.mkdir(`${root}/sub`);
          await replaceBoth(fs, root, '0');
          await api.replaceFile(`${root}/c`, 'c', { fs });
          await api.publishDirectory(`${root}/tree`, (stage) => stage.write('leaf', 'old'), { fs });
        },
        steps: [{ label: 'change', call: (fs) => changeEverything(seenAs(fs), root) }],
      });
  };

  /** Their paths have nothing in common but the root, and so its journal. */
  const threeProcesses: ScenarioAt = (root) => {
    const pairs = ['a', 'b', 'c'].map((name) => [`${name}1`, `${name}2`] as const);
    return {
      name: 'transaction: three processes, one root',
      root,
      // What a failed sync of the root's names and a later power loss leave together:
      // docs/guarantees.md.
      engines: ['model', 'race', 'kill', 'power'],
      async run(world) {
        const commits = pairs.map((pair, index) => {
          const process = index === 0 ? world.fs : world.newProcess();
          return attempt(world, pair[0], () => replaceAll(process, root, pair, 'new'));
        });
        await Promise.all(commits);
      },
      recover: (fs) => recover(fs, root),
      async check(fs, acknowledged) {
        for (const pair of pairs) {
          const seen = await Promise.all(pair.map((name) => seeFile(fs, `${root}/${name}`)));
          const allowed = allowedAfter(acknowledged, pair[0], '(none) (none)', '"new" "new"');
          if (!allowed.includes(seen.join(' '))) throw new Error(`a reader sees ${seen.join(' ')}`);
        }
        for (const pair of pairs) await replaceAll(fs, root, pair, 'next');
        await api.sweepOrphans(root, { fs });
        const locks = [...pairs.flat(), JOURNAL].map((name) => `${name}.lock`);
        await checkNamesBelow(fs, root, [...pairs.flat(), ...locks]);
      },
    };
  };

  /**
   * Names so long that the journal fills more than a page, and a crash can leave its end without
   * its beginning.
   */
  const longJournal: ScenarioAt = (root) => {
    const directory = `${'d'.repeat(250)}/${'e'.repeat(250)}`;
    const paths = ['a', 'b', 'c', 'd', 'e'].map((name) => `${directory}/${name}`);
    const observe = async (fs: Fs): Promise<string> =>
      (await Promise.all(paths.map((path) => seeFile(fs, `${root}/${path}`)))).join(' ');
    return scenarioOfSteps({
      name: 'transaction: a long journal',
      root,
      setup: async (fs) => {
        await fs.mkdir(`${root}/${'d'.repeat(250)}`);
        await fs.mkdir(`${root}/${directory}`);
      },
      recover: (fs) => recover(fs, root),
      observe,
      nextRun: async (fs) => {
        await replaceAll(fs, root, paths, 'next');
        await api.sweepOrphans(root, { fs, recursive: true });
      },
      steps: [{ label: 'long', call: (fs) => replaceAll(fs, root, paths, 'new') }],
    });
  };

  /**
   * A journal that came back after its commit would speak of inodes that are other files by now.
   */
  const thenReplaced: ScenarioAt = (root) => {
    const path = `${root}/sub/b`;
    return scenarioOfSteps({
      name: 'transaction: then its file is replaced',
      ...plan(root),
      setup: async (fs) => {
        await fs.mkdir(`${root}/sub`);
        await api.replaceFile(path, 'old', { fs });
      },
      steps: [
        { label: 'commit', call: (fs) => replaceAll(fs, root, ['sub/b'], '1') },
        { label: 'replace', call: (fs) => api.replaceFile(path, '2', { fs }) },
        { label: 'again', call: (fs) => api.replaceFile(path, '3', { fs }) },
        { label: 'and again', call: (fs) => api.replaceFile(path, '4', { fs }) },
      ],
    });
  };

  /** The committer is killed before its journal is durable, and another process goes on. */
  const killedCommit: ScenarioAt = (root) => ({
    name: 'recover: after a killed commit',
    root,
    setup: async (fs) => {
      await fs.mkdir(`${root}/sub`);
      await replaceBoth(fs, root, '0');
    },
    async run(world) {
      await commitAndDie(world, root, (fs) => replaceBoth(fs, root, '1'));
      await attempt(world, 'recover', async () => {
        const { journal } = await api.recover(root, { fs: world.fs });
        world.acknowledge(`the journal was ${journal}`);
      });
    },
    recover: (fs) => recover(fs, root),
    async check(fs, acknowledged) {
      const [a, b] = [await seeFile(fs, `${root}/a`), await seeFile(fs, `${root}/sub/b`)];
      const isNew = a === '"1"' && b.startsWith('"1111');
      const isOld = a === '"0"' && b.startsWith('"0000');
      const mustBeNew =
        acknowledged.includes('the journal was whole') && acknowledged.includes('recover: done');
      if (!isNew && (mustBeNew || !isOld)) throw new Error(`a reader sees a=${a} b=${b}`);
      await plan(root).nextRun(fs);
      const names = ['a', 'sub', 'sub/b', 'a.lock', 'sub/b.lock', `${JOURNAL}.lock`];
      await checkNamesBelow(fs, root, names);
    },
  });

  /**
   * What a dead committer has staged belongs to its journal, also for one who sweeps from further
   * up.
   */
  const sweptFromAbove: ScenarioAt = (root) => ({
    name: 'sweepOrphans: above a killed commit',
    root,
    setup: async (fs) => {
      await fs.mkdir(`${root}/below`);
      await fs.mkdir(`${root}/below/sub`);
      await replaceBoth(fs, `${root}/below`, '0');
    },
    async run(world) {
      await commitAndDie(world, `${root}/below`, (fs) => replaceBoth(fs, `${root}/below`, '1'));
      await attempt(world, 'sweep', () =>
        api.sweepOrphans(root, { fs: world.fs, recursive: true }),
      );
    },
    recover: (fs) => recover(fs, `${root}/below`),
    async check(fs) {
      const a = await seeFile(fs, `${root}/below/a`);
      const b = await seeFile(fs, `${root}/below/sub/b`);
      if (a !== '"1"' && a !== '"0"') throw new Error(`a reader sees a=${a}`);
      if (a[1] !== b[1]) throw new Error(`a reader sees a=${a} b=${b}`);
      await plan(`${root}/below`).nextRun(fs);
    },
  });

  /** Damage that no crash makes: the journal is refused, and nothing is touched. */
  const damagedJournal: ScenarioAt = (root) => ({
    name: 'recover: a damaged journal',
    root,
    engines: ['race'],
    setup: async (fs) => {
      await fs.mkdir(`${root}/sub`);
      await replaceBoth(fs, root, '0');
    },
    async run(world) {
      await commitAndDie(world, root, (fs) => replaceBoth(fs, root, '1'));
      const file = await world.fs.open(`${root}/${JOURNAL}`, { access: 'readWrite' });
      const whole = Buffer.alloc((await file.stat()).sizeBytes);
      await file.read(whole, 0);
      const before = await seeTree(world.fs, root);
      for (let at = 0; at < whole.length; at += 1) {
        await file.write(Buffer.of(damaged(whole[at] as number)), at);
        const told = await tellsOf(() => recover(world.fs, root));
        await file.write(whole.subarray(at, at + 1), at);
        if (told !== 'DAMAGED_JOURNAL') throw new Error(`byte ${at} is wrong: ${told}`);
        const after = await seeTree(world.fs, root);
        if (after !== before) throw new Error(`byte ${at} is wrong, and the tree has changed`);
      }
      await file.close();
      await recover(world.fs, root);
    },
    async check(fs) {
      const seen = await seeFile(fs, `${root}/a`);
      if (seen !== '"1"') throw new Error(`the undamaged journal left ${seen}`);
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
    'transaction: every kind of change': everything(
      'transaction: every kind of change',
      (fs) => fs,
    ),
    'transaction: without exchange': everything('transaction: without exchange', withoutExchange),
    'transaction: three processes, one root': threeProcesses,
    'transaction: a long journal': longJournal,
    'transaction: then its file is replaced': thenReplaced,
    'recover: after a killed commit': killedCommit,
    'sweepOrphans: above a killed commit': sweptFromAbove,
    'recover: a damaged journal': damagedJournal,
  };
}

/**
 * Commits in a process that is killed when its journal has its name and nothing was synced since.
 */
function commitAndDie(
  world: World,
  root: string,
  commit: (fs: Fs) => Promise<unknown>,
): Promise<void> {
  let hasJournal = false;
  const isPublished = callOn('rename', `${root}/${JOURNAL}`);
  return killedBefore(
    world.newProcess(),
    (call) => {
      if (hasJournal && call.name === 'sync') return true;
      hasJournal ||= isPublished(call);
      return false;
    },
    commit,
  );
}

/** Another byte of the same kind, so that what it is part of still looks well. */
function damaged(byte: number): number {
  const text = String.fromCharCode(byte);
  return (/[0-8a-e]/.test(text) ? byte + 1 : byte ^ 1) & 0xff;
}

async function tellsOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'it was followed';
  } catch (error) {
    return isHoldfastError(error) ? error.code : String(error);
  }
}
