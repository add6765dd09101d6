/**
 * What other programs do at the worst instant: sweep, delete a lock file, replace what is about to be replaced, or (the
 * filesystem itself) lie. Each happens at a place that is given, not by chance, and nothing crashes.
 */
import { setImmediate } from 'node:timers/promises';
import { HoldfastError, isHoldfastError } from 'holdfast';
import type { Fs } from 'holdfast/os';
import { interceptFs, type Call } from '../explore/intercept.js';
import type { Scenario, ScenarioAt } from '../explore/scenario.js';
import type { HoldfastApi } from './api.js';
import { callOn, killedBefore } from './killed-process.js';
import { seeFile, seeTree } from './reading.js';
import { withoutExchange } from './without-exchange.js';

type Writer = (fs: Fs, root: string) => Promise<unknown>;

export function interferenceScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const scenario = (name: string, rest: Omit<Scenario, 'name' | 'engines'>): Scenario => ({
    name,
    engines: ['race'],
    ...rest,
  });

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

  const resume = (
    fs: Fs,
    root: string,
    content: string,
    afterwards: () => Promise<void>,
  ): Promise<unknown> =>
    api.publishDirectory(
      `${root}/t`,
      async (stage) => {
        await stage.write('a', content, { overwrite: true });
        await afterwards();
      },
      { fs, ifExists: 'replace', resume: true },
    );

  /** Deletes the lock file that another process has locked, and so gets a lock of its own. */
  const updateWithoutLock = async (fs: Fs, path: string): Promise<void> => {
    await fs.unlink(`${path}.lock`);
    await api.updateJson<object>(path, () => ({ second: 2 }), { fs, initial: {} });
  };

  /** Runs a writer once for each of its calls, with one sweep right after it. */
  const besideWriter =
    (name: string, write: Writer): ScenarioAt =>
    (root) =>
      scenario(`sweepOrphans: beside a living ${name}`, {
        root,
        async run(world) {
          let isOver = false;
          for (let call = 0; !isOver; call += 1) {
            const place = `${root}/${call}`;
            await world.fs.mkdir(place);
            await world.fs.mkdir(`${place}/t`);
            await write(world.newProcess(), place);
            await write(world.newProcess(), place);
            const before = await seeTree(world.fs, place, /\.lock$/);
            isOver = !(await sweptAfter(
              world.newProcess(),
              world.newProcess(),
              call,
              place,
              write,
            ));
            const after = await seeTree(world.fs, place, /\.lock$/);
            if (withoutNumbers(after) !== withoutNumbers(before)) {
              throw new Error(`a sweep after call ${call} of ${name} left ${after}, not ${before}`);
            }
          }
        },
        check: async () => undefined,
      });

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

  return {
    ...Object.fromEntries(
      Object.entries(writers).map(([name, write]) => [
        `sweepOrphans: beside a living ${name}`,
        besideWriter(name, write),
      ]),
    ),

    'publishDirectory: between the two renames of a commit': (root) =>
      scenario('publishDirectory: between the two renames of a commit', {
        root,
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
      }),

    'sweepOrphans: while a commit dies': (root) =>
      scenario('sweepOrphans: while a commit dies', {
        root,
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
              (fs) =>
                api.transaction(root, (tx) => tx.replaceFile(`${root}/a`, 'committed'), { fs }),
            );
          const sweeps = callOn('statFilesystem', root);
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
      }),

    'withLock: its file is deleted while another waits': (root) =>
      scenario('withLock: its file is deleted while another waits', {
        root,
        async run(world) {
          const path = `${root}/data`;
          const first = await api.acquireLock(path, { fs: world.fs });
          const [waits, wasRefused] = deferred();
          const [enters, entered] = deferred();
          const [reopens, reopened] = deferred();
          let opens = 0;
          const waiter = interceptFs(world.newProcess(), {
            after(call) {
              if (call.name === 'tryLock') wasRefused();
              if (call.name !== 'open') return;
              opens += 1;
              if (opens > 1) reopened();
            },
          });
          const second = api.withLock(path, async () => entered(), { fs: waiter });
          await waits;
          await world.fs.unlink(`${path}.lock`);
          const third = await api.acquireLock(path, { fs: world.newProcess() });
          await first.release();
          const isFree = await Promise.race([enters.then(() => true), reopens.then(() => false)]);
          await third.release();
          await second;
          if (isFree) throw new Error('two processes had the lock at once');
        },
        check: async () => undefined,
      }),

    'updateJson: the lock file is deleted': (root) =>
      scenario('updateJson: the lock file is deleted', {
        root,
        async run(world) {
          const path = `${root}/state.json`;
          const { updater, isInside, goOn } = heldUpdater();
          const first = api.updateJson<object>(path, updater, { fs: world.fs, initial: {} });
          await isInside;
          await updateWithoutLock(world.newProcess(), path);
          goOn();
          await mustFail(first, 'LOCK_LOST');
        },
        check: (fs) => mustHold(fs, `${root}/state.json`, 'second'),
      }),

    'transaction: a lock file is deleted': (root) =>
      scenario('transaction: a lock file is deleted', {
        root,
        async run(world) {
          const path = `${root}/state.json`;
          const { updater, isInside, goOn } = heldUpdater();
          const first = api.transaction(
            root,
            (tx) => tx.updateJson<object>(path, updater, { initial: {} }),
            { fs: world.fs },
          );
          await isInside;
          await updateWithoutLock(world.newProcess(), path);
          goOn();
          await mustFail(first, 'LOCK_LOST');
        },
        check: (fs) => mustHold(fs, `${root}/state.json`, 'second'),
      }),

    'transaction: its target is replaced meanwhile': (root) =>
      scenario('transaction: its target is replaced meanwhile', {
        root,
        setup: async (fs) => {
          await writers['publishDirectory']?.(fs, root);
        },
        async run(world) {
          const other = world.newProcess();
          const first = api.transaction(
            root,
            async (tx) => {
              await tx.publishDirectory(`${root}/t`, (stage) => stage.write('a', 'first'), {
                ifExists: 'replace',
              });
              await api.publishDirectory(`${root}/t`, (stage) => stage.write('a', 'second'), {
                fs: other,
                ifExists: 'replace',
              });
            },
            { fs: world.fs },
          );
          await mustFail(first, 'TARGET_CHANGED');
        },
        check: (fs) => mustHold(fs, `${root}/t/a`, 'second'),
      }),

    'publishDirectory: a stage that another run took over': (root) =>
      scenario('publishDirectory: a stage that another run took over', {
        root,
        setup: async (fs) => {
          await resume(fs, root, 'a run that fails', async () => {
            throw new Error('the run fails');
          }).catch(() => undefined);
        },
        async run(world) {
          const [isInside, entered] = deferred();
          const [goesOn, goOn] = deferred();
          let third: Promise<unknown> | undefined;
          const others = async (): Promise<void> => {
            await resume(world.newProcess(), root, 'second', async () => undefined);
            third = resume(world.newProcess(), root, 'third', async () => {
              entered();
              await goesOn;
            });
            await isInside;
          };
          const opens = /\.staging-resume$/;
          const first = interceptFs(world.newProcess(), {
            after: (call) =>
              call.name === 'openDirectory' && opens.test(call.path) ? others() : undefined,
          });
          await mustFail(
            resume(first, root, 'first', async () => undefined),
            'LOCK_TIMEOUT',
          );
          goOn();
          await third;
        },
        check: (fs) => mustHold(fs, `${root}/t/a`, 'third'),
      }),

    'compactRecords: the log becomes shorter meanwhile': (root) =>
      scenario('compactRecords: the log becomes shorter meanwhile', {
        root,
        async run(world) {
          const path = `${root}/log.jsonl`;
          const records = ['a', 'b', 'a'].map((name) => ({ name }));
          await api.appendRecords(path, records, { fs: world.fs });
          const copies = callOn('open', path, 2);
          let calls = 0;
          const compacting = interceptFs(world.newProcess(), {
            before() {
              calls += 1;
              return calls > 1000 ? { throws: new Error('it reads without end') } : undefined;
            },
            after: (call) => (copies(call) ? cutShort(world.fs, call) : undefined),
          });
          const compact = api.compactRecords(path, { key: 'name', fs: compacting });
          await mustFail(compact, 'CORRUPT_DOCUMENT');
        },
        check: async () => undefined,
      }),

    'replaceFile: a filesystem that lies about counts': (root) =>
      scenario('replaceFile: a filesystem that lies about counts', {
        root,
        setup: (fs) => api.replaceFile(`${root}/a`, 'old and whole', { fs }),
        async run(world) {
          const lying = interceptFs(world.newProcess(), {
            after: async (call) => {
              if (call.name === 'write') await cutShort(world.fs, call);
            },
          });
          await mustFail(api.replaceFile(`${root}/a`, 'new and whole', { fs: lying }), 'IO');
        },
        check: (fs) => mustHold(fs, `${root}/a`, 'old and whole'),
      }),
  };
}

/** Previous trees are numbered on and on. */
function withoutNumbers(tree: string): string {
  return tree.replace(/previous-\d+/g, 'previous');
}

/** Takes the end of a file away that a write has just put there. */
async function cutShort(fs: Fs, { path }: Call): Promise<void> {
  const file = await fs.open(path, { access: 'write' });
  await file.truncate(3);
  await file.close();
}

async function mustFail(call: Promise<unknown>, code: string): Promise<void> {
  const result = await call.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
  if (isHoldfastError(result) && [result, result.cause].some((each) => hasCode(each, code))) return;
  throw new Error(`the call must fail with ${code}: ${describe(result)}`);
}

function hasCode(error: unknown, code: string): boolean {
  return isHoldfastError(error) && error.code === code;
}

function describe(result: unknown): string {
  return result instanceof HoldfastError ? result.code : String(result);
}

async function mustHold(fs: Fs, path: string, part: string): Promise<void> {
  const seen = await seeFile(fs, path);
  if (!seen.includes(part)) throw new Error(`${path} holds ${seen}, not ${part}`);
}

/** Lets others go on for a while, also those that load a module first, and needs no clock. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await setImmediate();
}

/** An updater that holds its locks until it is let go on. */
function heldUpdater(): {
  updater: () => Promise<object>;
  isInside: Promise<void>;
  goOn: () => void;
} {
  const [isInside, entered] = deferred();
  const [goesOn, goOn] = deferred();
  const updater = async (): Promise<object> => {
    entered();
    await goesOn;
    return { first: 1 };
  };
  return { updater, isInside, goOn };
}

function deferred(): [Promise<void>, () => void] {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return [promise, resolve];
}
