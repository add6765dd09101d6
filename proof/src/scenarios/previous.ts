/**
 * keepPrevious, restorePrevious and onCorrupt: 'restore': with every state of the file there are
 * the versions before it, also where they are copies, lie in another directory, or are kept by a
 * transaction.
 */
import { constants } from 'node:os';
import type { ListPreviousOptions } from 'holdfast';
import { systemError, type Fs } from 'holdfast/os';
import {
  allowedAfter,
  attempt,
  checkNamesBelow,
  type ScenarioAt,
  scenarioOfSteps,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { mustHold } from './instant.js';
import { putUnsynced, seeFile } from './reading.js';

/** Two pages and a bit, so that a part of it can be lost. */
const long = (letter: string): string => letter.repeat(5000);

const KEPT = 2;
const BROKEN = 'no JSON';
const THERE = 'the other program is done';

/**
 * The pauses in which a broken document is looked at again (file/seen-full.ts), and longer than any
 * of them.
 */
const PAUSE_MS = 200;

const { setTimeout: after } = globalThis;
let withoutPauses = 0;

/**
 * Nobody mends a document here while it is looked at: a thousand runs need not wait for that, each
 * a quarter of a second.
 */
async function lookedAtOnce(update: () => Promise<unknown>): Promise<unknown> {
  const soon = (...[then, delayMs = 0, ...args]: Parameters<typeof after>): NodeJS.Timeout =>
    after(then, delayMs < PAUSE_MS ? 0 : delayMs, ...args);
  withoutPauses += 1;
  globalThis.setTimeout = Object.assign(soon, after);
  try {
    return await update();
  } finally {
    withoutPauses -= 1;
    if (withoutPauses === 0) globalThis.setTimeout = after;
  }
}

/** As vfat, which has one name for a file. */
function withoutLinks(fs: Fs): Fs {
  return new Proxy(fs, {
    get(inner, name) {
      if (name === 'link') return refuseLink;
      const value: unknown = Reflect.get(inner, name);
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
    },
  });
}

async function refuseLink(_: string, path: string): Promise<never> {
  throw systemError(constants.errno.EPERM, 'link', path);
}

export function previousScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  /** What a file holds, and each of so many versions before it. */
  const see = async (
    fs: Fs,
    path: string,
    options: ListPreviousOptions = {},
    count = KEPT,
  ): Promise<string> => {
    const present = await seeFile(fs, path);
    const listed = await api.listPrevious(path, { ...options, fs });
    const versions = await Promise.all(listed.map((each) => seeFile(fs, each.path)));
    // The copy that a replacement made before it died.
    if (versions[0] === present) versions.shift();
    return [present, ...versions.slice(0, count)].join(' before it ');
  };

  type Write = (fs: Fs, path: string, data: string) => Promise<unknown>;

  const kept =
    (name: string, write: Write, seenAs: (fs: Fs) => Fs = (fs) => fs, directory?: string) =>
    (root: string) => {
      const path = `${root}/target`;
      const previousDirectory = directory && `${root}/${directory}`;
      return scenarioOfSteps({
        name,
        root,
        async setup(fs) {
          if (previousDirectory) await fs.mkdir(previousDirectory);
          await api.replaceFile(path, '1', { fs });
        },
        recover: async (fs) => {
          await api.recover(root, { fs });
        },
        observe: (fs) => see(fs, path, { previousDirectory }),
        async nextRun(fs) {
          await write(seenAs(fs), path, 'next');
          const versions = await api.listPrevious(path, { previousDirectory, fs });
          if (versions.length > KEPT) throw new Error(`${versions.length} versions are kept`);
          await api.sweepOrphans(root, { fs, recursive: true });
        },
        steps: ['2', long('3'), '4'].map((data) => ({
          label: `write ${data.slice(0, 1)}`,
          call: (fs) => write(seenAs(fs), path, data),
        })),
        mayStay: (at) => /\.previous-\d+$/u.test(at),
      });
    };

  const replace: Write = (fs, path, data) =>
    api.replaceFile(path, data, { keepPrevious: KEPT, fs });
  const replaceElsewhere: Write = (fs, path, data) =>
    api.replaceFile(path, data, {
      keepPrevious: KEPT,
      previousDirectory: path.replace('target', 'versions'),
      fs,
    });
  const update: Write = (fs, path, data) =>
    api.updateFile(path, () => data, { keepPrevious: KEPT, fs });
  const commit: Write = (fs, path, data) =>
    api.transaction(
      path.replace('/target', ''),
      async (tx) => {
        await tx.updateFile('target', () => data, { keepPrevious: KEPT });
        await tx.replaceFile('beside', data);
      },
      { fs },
    );

  /** Nothing that either has acknowledged is lost: each keeps what the other wrote. */
  const twoProcesses: ScenarioAt = (root) => {
    const path = `${root}/target`;
    const letters = ['a', 'b', 'c'];
    const write = (fs: Fs, data: string): Promise<void> =>
      api.replaceFile(path, data, { keepPrevious: 9, fs });
    return {
      name: 'keepPrevious: two processes',
      root,
      setup: (fs) => write(fs, 'old'),
      async run(world) {
        const all = [world.fs, world.newProcess(), world.newProcess()];
        await Promise.all(
          letters.map((letter, index) =>
            attempt(world, letter, () => write(all[index] as Fs, letter)),
          ),
        );
      },
      async check(fs, acknowledged) {
        const seen = (await see(fs, path, {}, 9)).split(' before it ');
        if (!seen.includes('"old"')) throw new Error(`of the old content is left ${seen.join()}`);
        for (const letter of letters) {
          const times = seen.filter((each) => each === `"${letter}"`).length;
          if (allowedAfter(acknowledged, letter, 0, 1).includes(times)) continue;
          throw new Error(`${letter} is there ${times} times, of ${seen.join()}`);
        }
        await write(fs, 'next');
        await checkNamesBelow(fs, root, ['target', 'target.lock'], (at) =>
          /\.previous-\d+$/u.test(at),
        );
      },
    };
  };

  /**
   * Another program has written the file and synced nothing: what is kept of it is durable when the
   * call has returned.
   */
  const unsynced =
    (
      name: string,
      replaceIt: (fs: Fs, path: string) => Promise<unknown>,
      keptAs: RegExp,
    ): ScenarioAt =>
    (root) => {
      const path = `${root}/state.json`;
      return {
        name,
        root,
        setup: (fs) => api.replaceFile(path, '{"n":1}', { fs }),
        async run(world) {
          const ready = attempt(world, 'version', () =>
            api.replaceFile(path, '{"n":2}', { keepPrevious: 1, fs: world.fs }),
          );
          if (!(await ready)) return;
          await putUnsynced(world.newProcess(), path, BROKEN).then(
            () => world.acknowledge(THERE),
            () => undefined,
          );
          await attempt(world, 'replace', () => replaceIt(world.fs, path));
        },
        async check(fs, acknowledged) {
          if (![THERE, 'replace: done'].every((label) => acknowledged.includes(label))) return;
          const names = (await fs.readDirectory(root)).map((entry) => entry.name);
          const [version = 'none'] = names.filter((each) => keptAs.test(each));
          await mustHold(fs, `${root}/${version}`, BROKEN);
        },
      };
    };

  const restore: ScenarioAt = (root) => {
    const path = `${root}/target`;
    const restoreOne = (fs: Fs, version?: number): Promise<unknown> =>
      api.restorePrevious(path, { version, fs });
    return scenarioOfSteps({
      name: 'restorePrevious',
      root,
      async setup(fs) {
        for (const data of ['1', long('2'), '3']) {
          await api.replaceFile(path, data, { keepPrevious: 9, fs });
        }
      },
      observe: (fs) => see(fs, path, {}, 9),
      nextRun: async (fs) => {
        await restoreOne(fs);
      },
      steps: [
        { label: 'restore', call: (fs) => restoreOne(fs) },
        { label: 'undo', call: (fs) => restoreOne(fs) },
        { label: 'the first', call: (fs) => restoreOne(fs, 1) },
      ],
      mayStay: (at) => /\.previous-\d+$/u.test(at),
    });
  };

  /** The broken file is somewhere, whatever happens. */
  const corrupt: ScenarioAt = (root) => {
    const path = `${root}/state.json`;
    // Read several times, and by the error engine byte by byte.
    const broken = `{"n": ${'3'.repeat(50)}`;
    const updateIt = (fs: Fs): Promise<unknown> =>
      lookedAtOnce(() =>
        api.updateJson<{ updated?: boolean }>(path, (value) => void (value.updated = true), {
          onCorrupt: 'restore',
          keepPrevious: KEPT,
          fs,
        }),
      );
    return scenarioOfSteps({
      name: "updateJson: onCorrupt 'restore'",
      root,
      async setup(fs) {
        for (const data of ['{"n":1}', '{"n":2}', broken]) {
          await api.replaceFile(path, data, { keepPrevious: KEPT, fs });
        }
      },
      async observe(fs) {
        const names = (await fs.readDirectory(root)).map(({ name }) => name);
        const files = names.filter((name) => !/\.(lock|tmp)$|previous/u.test(name));
        const seen = await Promise.all(files.map((name) => seeFile(fs, `${root}/${name}`)));
        if (!seen.some((each) => each.startsWith('"{\\"n\\": 3'))) {
          throw new Error(`the broken file is not kept: ${seen.join()}`);
        }
        return see(fs, path);
      },
      nextRun: async (fs) => {
        await updateIt(fs);
      },
      steps: [{ label: 'update', call: updateIt }],
      mayStay: (at) => /\.(corrupt-[0-9a-f]{16}|previous-\d+)$/u.test(at),
    });
  };

  return {
    'keepPrevious: replaceFile': kept('keepPrevious: replaceFile', replace),
    'keepPrevious: by copies': kept('keepPrevious: by copies', replace, withoutLinks),
    'keepPrevious: in a directory': kept(
      'keepPrevious: in a directory',
      replaceElsewhere,
      undefined,
      'versions',
    ),
    'keepPrevious: updateFile': kept('keepPrevious: updateFile', update),
    'keepPrevious: transaction': kept('keepPrevious: transaction', commit),
    'keepPrevious: two processes': twoProcesses,
    'keepPrevious: of what was not synced': unsynced(
      'keepPrevious: of what was not synced',
      (fs, path) => api.replaceFile(path, '{"n":3}', { keepPrevious: 1, fs }),
      /\.previous-2$/u,
    ),
    restorePrevious: restore,
    "updateJson: onCorrupt 'restore' of what was not synced": unsynced(
      "updateJson: onCorrupt 'restore' of what was not synced",
      (fs, path) =>
        lookedAtOnce(() => api.updateJson(path, () => undefined, { onCorrupt: 'restore', fs })),
      /\.corrupt-[0-9a-f]{16}$/u,
    ),
    "updateJson: onCorrupt 'restore'": corrupt,
  };
}
