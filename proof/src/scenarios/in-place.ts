/**
 * inPlace: files that are overwritten where they are. Readers are those of Holdfast: whatever
 * happens, they see the old document or the new one.
 */
import type { Fs } from 'holdfast/os';
import {
  attempt,
  type Call,
  checkNamesBelow,
  type Scenario,
  type ScenarioAt,
  scenarioOfSteps,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { killedBefore } from './killed-process.js';

/** A document of one letter, a page and a bit. */
const long = (letter: string): string => JSON.stringify(letter.repeat(5000));
const THERE = 'the other program is done';

const isRedoLock = (path: string): boolean => path.endsWith('.redo.lock');
const isCopy = ({ path, args }: Call): boolean =>
  [path, args[1]].some((each) => String(each).endsWith('.redo'));

const withState = new WeakMap<Fs, Fs>();

/** As a user with a state directory sees it. */
function inHome(fs: Fs, root: string): Fs {
  const known = withState.get(fs);
  if (known) return known;
  const home = new Proxy(fs, {
    get(inner, name) {
      if (name === 'stateDirectory') return `${root}/state`;
      const member: unknown = Reflect.get(inner, name);
      return typeof member === 'function' ? (member.bind(inner) as unknown) : member;
    },
  });
  withState.set(fs, home);
  return home;
}

/** What a program does that knows nothing of Holdfast, and is careful. */
async function overwriteSynced(fs: Fs, path: string, content: string): Promise<void> {
  const file = await fs.open(path, { access: 'write' });
  const bytes = Buffer.from(content);
  try {
    const taken = await file.write(bytes, 0);
    if (taken !== bytes.length) throw new Error('the disk is full');
    await file.truncate(bytes.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

export function inPlaceScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const overwrite = (fs: Fs, path: string, data: string): Promise<void> =>
    api.replaceFile(path, data, { inPlace: 'always', fs });
  const see = async (fs: Fs, path: string): Promise<string> => {
    const text = await api.readJson<string>(path, { fs });
    return `${text.slice(0, 1)} ${text.length}`;
  };

  /** It shrinks, and grows by pages. */
  const steps = (write: (fs: Fs, data: string) => Promise<unknown>) =>
    ['"s"', long('l')].map((data) => ({
      label: data.slice(1, 2),
      call: (fs: Fs) => write(fs, data),
    }));

  const replaced: ScenarioAt = (root) => {
    const path = `${root}/doc.json`;
    return scenarioOfSteps({
      name: 'inPlace: replaceFile',
      root,
      setup: (fs) => api.replaceFile(path, long('o'), { fs }),
      observe: (fs) => see(fs, path),
      nextRun: (fs) => overwrite(fs, path, '"next"'),
      steps: steps((fs, data) => overwrite(fs, path, data)),
      mayStay: isRedoLock,
    });
  };

  const linked: ScenarioAt = (root) => {
    const [path, other] = [`${root}/doc.json`, `${root}/elsewhere/name`];
    return scenarioOfSteps({
      name: 'inPlace: a file with hard links',
      root,
      engines: ['model', 'race'],
      async setup(fs) {
        await fs.mkdir(`${root}/elsewhere`);
        await api.replaceFile(path, long('o'), { fs });
        await fs.link(path, other);
      },
      recover: async (fs) => {
        await api.recover(root, { fs: inHome(fs, root) });
      },
      observe: async (fs) => {
        const seen = await see(inHome(fs, root), path);
        const seenByOther = await see(inHome(fs, root), other);
        if (seen !== seenByOther) throw new Error(`the other name shows ${seenByOther}`);
        return seen;
      },
      nextRun: (fs) =>
        api.replaceFile(other, '"next"', { inPlace: 'ifNeeded', fs: inHome(fs, root) }),
      steps: steps((fs, data) =>
        api.replaceFile(path, data, { inPlace: 'ifNeeded', fs: inHome(fs, root) }),
      ),
      mayStay: (at) => isRedoLock(at) || at === `${root}/state`,
    });
  };

  const counted: ScenarioAt = (root) => {
    const path = `${root}/doc.json`;
    const add = (fs: Fs, key: string): Promise<unknown> =>
      api.updateJson<Record<string, string>>(
        path,
        (document) => ({ ...document, [key]: key.repeat(5000) }),
        { inPlace: 'always', fs },
      );
    return {
      name: 'inPlace: updateJson by two processes',
      root,
      engines: ['model', 'race'],
      setup: (fs) => api.replaceFile(path, '{"old":""}', { fs }),
      async run(world) {
        const all = [world.fs, world.newProcess(), world.newProcess()];
        await Promise.all(
          ['a', 'b', 'c'].map((key, index) =>
            attempt(world, key, () => add(all[index] as Fs, key)),
          ),
        );
      },
      async check(fs, acknowledged) {
        const seen = await api.readJson<Record<string, string>>(path, { fs });
        for (const key of ['a', 'b', 'c']) {
          const isThere = seen[key] === key.repeat(5000);
          const said = acknowledged.find((line) => line.startsWith(`${key}: `));
          const isSure = said === `${key}: done` || said === `${key}: committed`;
          if (isSure && !isThere) throw new Error(`${key} is lost`);
          if (said === `${key}: unchanged` && isThere) throw new Error(`${key} is there`);
        }
        await add(fs, 'next');
        await checkNamesBelow(fs, root, ['doc.json', 'doc.json.lock'], isRedoLock);
      },
    };
  };

  /**
   * What another program has written since, durably, stays, also where it is what the document held
   * before.
   */
  const writtenSince: ScenarioAt = (root) => {
    const path = `${root}/doc.json`;
    return {
      name: 'inPlace: another program writes what was there before',
      root,
      engines: ['model'],
      setup: (fs) => api.replaceFile(path, long('o'), { fs }),
      async run(world) {
        if (!(await attempt(world, 'overwrite', () => overwrite(world.fs, path, long('n')))))
          return;
        await overwriteSynced(world.newProcess(), path, long('o')).then(
          () => world.acknowledge(THERE),
          () => undefined,
        );
      },
      async check(fs, acknowledged) {
        if (!acknowledged.includes(THERE)) return;
        const seen = await see(fs, path);
        if (seen !== 'o 5000') throw new Error(`of what was written since a reader sees ${seen}`);
      },
    };
  };

  /**
   * A process is killed somewhere, without a power loss; the next one finishes, and then the power
   * goes.
   */
  const killed =
    (name: string, isLast: () => (call: Call) => boolean): ScenarioAt =>
    (root): Scenario => {
      const path = `${root}/doc.json`;
      return {
        name,
        root,
        engines: ['model'],
        setup: (fs) => api.replaceFile(path, long('o'), { fs }),
        async run(world) {
          await killedBefore(world.newProcess(), isLast(), (fs) => overwrite(fs, path, long('n')));
          await attempt(world, 'finish', () => api.recover(root, { fs: world.fs }));
          await attempt(world, 'update', () =>
            api.updateFile(path, () => undefined, { fs: world.fs }),
          );
        },
        recover: async (fs) => {
          await api.recover(root, { fs });
        },
        async check(fs, acknowledged) {
          const seen = await see(fs, path);
          const isSure = acknowledged.includes('finish: done');
          if (seen !== 'n 5000' && (isSure || seen !== 'o 5000')) {
            throw new Error(`after a kill and "${acknowledged.at(-1)}" a reader sees ${seen}`);
          }
        },
      };
    };

  const nth = (number: number, is: (call: Call) => boolean) => (): ((call: Call) => boolean) => {
    let met = 0;
    return (call) => is(call) && (met += 1) === number;
  };

  /** Readers see one document or the other, whenever they look. */
  const read: ScenarioAt = (root) => {
    const path = `${root}/doc.json`;
    return {
      name: 'inPlace: readers beside a writer',
      root,
      engines: ['race', 'model'],
      setup: (fs) => api.replaceFile(path, long('o'), { fs }),
      async run(world) {
        const write = async (): Promise<void> => {
          for (const letter of ['n', 'o']) await overwrite(world.fs, path, long(letter));
        };
        const look = async (fs: Fs): Promise<void> => {
          for (let times = 0; times < 4; times += 1) {
            const seen = await see(fs, path);
            if (!['o 5000', 'n 5000'].includes(seen)) throw new Error(`a reader sees ${seen}`);
          }
        };
        await Promise.all([write(), look(world.newProcess()), look(world.newProcess())]);
      },
      check: async () => undefined,
    };
  };

  return {
    'inPlace: replaceFile': replaced,
    'inPlace: a file with hard links': linked,
    'inPlace: updateJson by two processes': counted,
    'inPlace: another program writes what was there before': writtenSince,
    'inPlace: killed when the copy has its name': killed(
      'inPlace: killed when the copy has its name',
      nth(
        2,
        ({ name, path }) => name === 'sync' && !path.includes('.json') && !path.includes('.tmp'),
      ),
    ),
    'inPlace: killed before the copy goes': killed(
      'inPlace: killed before the copy goes',
      nth(1, (call) => call.name === 'unlink' && isCopy(call)),
    ),
    'inPlace: readers beside a writer': read,
  };
}
