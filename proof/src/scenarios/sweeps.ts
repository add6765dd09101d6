/**
 * Sweeps while others write: at the worst instant nothing of a living writer may be taken, and
 * nothing of a dead commit.
 */
import type { Fs } from 'holdfast/os';
import { interceptFs } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { atAnInstant, deferred, mustHold, turns, type NamedScenario } from './instant.js';
import { callOn, killedBefore } from './killed-process.js';
import { seeFile, seeTree } from './reading.js';
import { withoutExchange } from './without-exchange.js';

type Writer = (fs: Fs, root: string) => Promise<unknown>;

export function sweepScenarios(api: HoldfastApi): readonly NamedScenario[] {
  const writers: Readonly<Record<string, Writer>> = {
    replaceFile: (fs, root) => api.replaceFile(`${root}/a`, 'new', { fs }),
    updateJson: (fs, root) =>
      api.updateJson<object>(`${root}/j`, () => ({ new: true }), { fs, initial: {} }),
    publishDirectory: (fs, root) =>
      api.publishDirectory(`${root}/t`, (stage) => stage.write('a', 'new'), {
        fs,
        ifExists: 'replace',
        keepPrevious: 1,
      }),
    transaction: (fs, root) =>
      api.transaction(
        root,
        async (tx) => {
          await tx.replaceFile(`${root}/a`, 'new');
          await tx.publishDirectory(`${root}/t`, (stage) => stage.write('a', 'new'), {
            ifExists: 'replace',
          });
        },
        { fs },
      ),
  };

  /** Runs a writer once for each of its calls, with one sweep right after it. */
  const besideWriter = (name: string, write: Writer): NamedScenario =>
    atAnInstant(`sweepOrphans: beside a living ${name}`, (root) => ({
      async run(world) {
        let isOver = false;
        for (let call = 0; !isOver; call += 1) {
          const place = `${root}/${call}`;
          await world.fs.mkdir(place);
          await world.fs.mkdir(`${place}/t`);
          await write(world.newProcess(), place);
          await write(world.newProcess(), place);
          const before = await seeTree(world.fs, place, /\.lock$/);
          isOver = !(await sweptAfter(world.newProcess(), world.newProcess(), call, place, write));
          const after = await seeTree(world.fs, place, /\.lock$/);
          if (withoutNumbers(after) !== withoutNumbers(before)) {
            throw new Error(`a sweep after call ${call} of ${name} left ${after}, not ${before}`);
          }
        }
      },
      check: async () => undefined,
    }));

  /** Whether the writer came to that call. */
  const sweptAfter = async (
    fs: Fs,
    sweeper: Fs,
    number: number,
    place: string,
    write: Writer,
  ): Promise<boolean> => {
    let calls = 0;
    let sweep: Promise<unknown> | undefined;
    const watched = interceptFs(fs, {
      after() {
        calls += 1;
        if (calls !== number + 1) return undefined;
        sweep = api.sweepOrphans(place, { fs: sweeper });
        // While a journal is there the sweep waits for its commit, and so must not be waited for.
        return Promise.race([sweep.then(() => undefined), turns(20)]);
      },
    });
    await write(watched, place);
    await sweep;
    return sweep !== undefined;
  };

  return [
    ...Object.entries(writers).map(([name, write]) => besideWriter(name, write)),

    atAnInstant('publishDirectory: between the two renames of a commit', (root) => ({
      setup: async (fs) => {
        await writers['publishDirectory']?.(fs, root);
      },
      async run(world) {
        const [pauses, paused] = deferred();
        const [reaches, reached] = deferred();
        const other = interceptFs(world.newProcess(), {
          before(call) {
            if (call.name !== 'readDirectory' || call.path !== root) return undefined;
            paused();
            return { waitsFor: reaches };
          },
        });
        const publish = writers['publishDirectory']?.(other, root).catch(() => undefined);
        await pauses;
        const isSecond = callOn('rename', `${root}/t`, 2);
        const committing = interceptFs(withoutExchange(world.newProcess()), {
          before(call) {
            if (!isSecond(call)) return undefined;
            reached();
            return { waitsFor: turns(20) };
          },
        });
        const options = { ifExists: 'replace', keepPrevious: 1 } as const;
        await api.transaction(
          root,
          (tx) => tx.publishDirectory(`${root}/t`, (stage) => stage.write('a', 'new'), options),
          { fs: committing },
        );
        await publish;
      },
      check: (fs) => mustHold(fs, `${root}/t/a`, 'new'),
    })),

    atAnInstant('sweepOrphans: while a commit dies', (root) => ({
      setup: (fs) => api.replaceFile(`${root}/a`, 'old', { fs }),
      async run(world) {
        const dying = world.newProcess();
        const publishes = callOn('rename', `${root}/.holdfast-journal`);
        let isPublished = false;
        const commitAndDie = (): Promise<void> =>
          killedBefore(
            dying,
            (call) => {
              const wasPublished = isPublished;
              isPublished ||= publishes(call);
              return wasPublished;
            },
            (fs) => api.transaction(root, (tx) => tx.replaceFile(`${root}/a`, 'committed'), { fs }),
          );
        // The last look at the directory before anything is taken: all that the writer asks of
        // commits before, it has asked.
        const sweeps = callOn('readDirectory', root);
        const writer = interceptFs(world.newProcess(), {
          before: (call) => (sweeps(call) ? { waitsFor: commitAndDie() } : undefined),
        });
        await api.replaceFile(`${root}/b`, 'b', { fs: writer });
        await api.recover(root, { fs: world.fs });
      },
      async check(fs) {
        const seen = await seeFile(fs, `${root}/a`);
        if (seen !== '"committed"') throw new Error(`the commit is lost: a reader sees ${seen}`);
      },
    })),
  ];
}

/** Previous trees are numbered on and on. */
function withoutNumbers(tree: string): string {
  return tree.replace(/previous-\d+/g, 'previous');
}
