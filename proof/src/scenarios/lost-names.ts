/**
 * Filesystems on which a rename may lose the name that it replaces (exFAT, ext2, SMB): for a
 * moment, and so after a crash, the target is missing and a staged file is the only whole copy. It
 * must outlive every later call, and nothing may begin anew beside it.
 */
import { constants } from 'node:os';
import { systemError, type Fs } from 'holdfast/os';
import { attempt, type ScenarioAt } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { atAnInstant, mustFail, mustHold, type NamedScenario } from './instant.js';
import { seeFile } from './reading.js';

/** The same files under another entry of the mount table, with some calls in another way. */
function mountedAs(type: string, fs: Fs, changes: Partial<Fs> = {}): Fs {
  const changed: Partial<Fs> = {
    ...changes,
    statFilesystem: async (path) => ({
      ...(await fs.statFilesystem(path)),
      mount: { type, options: [] },
    }),
  };
  return new Proxy(fs, {
    get(inner, name) {
      const value: unknown = Reflect.get(changed, name) ?? Reflect.get(inner, name);
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
    },
  });
}

/** What a rename replaces goes first, as a change of its own. */
function losingNames(fs: Fs): Fs {
  return mountedAs('exfat', fs, {
    async rename(from, to) {
      if (await fs.exists(to)) await fs.unlink(to);
      await fs.rename(from, to);
    },
  });
}

export function lostNameScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const increment = (fs: Fs, path: string): Promise<unknown> =>
    api.updateJson<{ n?: number }>(path, (value) => void (value.n = (value.n ?? 0) + 1), {
      fs,
      initial: {},
    });
  const append = (fs: Fs, path: string): Promise<unknown> =>
    api.appendRecords(path, [{ n: 1 }, { n: 1 }], { fs });

  const scenario = (
    name: string,
    file: string,
    write: (fs: Fs, path: string) => Promise<unknown>,
    change: (fs: Fs, path: string) => Promise<unknown>,
    whereMissing: (fs: Fs, path: string) => Promise<void> = async () => undefined,
  ): readonly [string, ScenarioAt] => [
    name,
    (root) => ({
      name,
      root,
      engines: ['model', 'error'],
      setup: (fs) => write(losingNames(fs), `${root}/${file}`).then(() => undefined),
      async run(world) {
        await attempt(world, name, () => change(losingNames(world.fs), `${root}/${file}`));
      },
      async check(inner) {
        const fs = losingNames(inner);
        const path = `${root}/${file}`;
        const copies = await copiesIn(fs, root);
        const isThere = await fs.exists(path);
        if (!isThere) await whereMissing(fs, path);
        // The first write of a process sweeps the directory.
        await api.replaceFile(`${root}/other`, 'next', { fs });
        await api.sweepOrphans(root, { fs });
        const left = await copiesIn(fs, root);
        if (isThere || copies.length === 0) {
          await write(fs, path);
          if (left.length > 0) throw new Error(`beside its target ${left.join()} is no orphan`);
          return;
        }
        if (left.join() !== copies.join()) {
          throw new Error(`of ${copies.join()} a sweep left ${left.join() || 'nothing'}`);
        }
        await mustFail(write(fs, path), 'CORRUPT_DOCUMENT');
        if (await fs.exists(path)) throw new Error(`${path} was begun anew beside ${left.join()}`);
      },
    }),
  ];

  return Object.fromEntries([
    scenario('updateJson: where a rename may lose the name', 'state.json', increment, increment),
    scenario('replaceFile: where a rename may lose the name', 'state.json', increment, (fs, path) =>
      api.replaceFile(path, '{"n":7}', { fs }),
    ),
    scenario(
      'keepPrevious: where a rename may lose the name',
      'state.json',
      increment,
      (fs, path) => api.replaceFile(path, '{"n":7}', { keepPrevious: 1, fs }),
      (fs, path) => mustHold(fs, `${path}.previous-1`, '1'),
    ),
    scenario('compactRecords: where a rename may lose the name', 'log.jsonl', append, (fs, path) =>
      api.compactRecords(path, { key: 'n', fs }),
    ),
  ]);
}

const TEMPORARY = /^\.holdfast-.*\.tmp$/;

/** The staged files with what they hold, sorted. */
async function copiesIn(fs: Fs, root: string): Promise<readonly string[]> {
  const names = (await fs.readDirectory(root))
    .map(({ name }) => name)
    .filter((name) => TEMPORARY.test(name));
  const copies = names.map(async (name) => `${name} ${await seeFile(fs, `${root}/${name}`)}`);
  return (await Promise.all(copies)).toSorted();
}

/** What SMB and FUSE filesystems do at one instant. */
export function failedRenameScenarios(api: HoldfastApi): readonly NamedScenario[] {
  const put = (fs: Fs, root: string): Promise<void> =>
    api.replaceFile(`${root}/state.json`, 'kept whole', { fs });
  return [
    atAnInstant(
      'replaceFile: a rename that fails on SMB, and the file that its close deletes',
      (root) => ({
        setup: (fs) => api.replaceFile(`${root}/state.json`, '{"n":1}', { fs }),
        async run(world) {
          const failing = mountedAs('cifs', world.fs, {
            async rename(path) {
              throw systemError(constants.errno.EACCES, 'rename', path);
            },
          });
          await mustFail(put(failing, root), 'TARGET_IN_USE');
          await world.fs.unlink(`${root}/state.json`);
        },
        async check(inner) {
          const fs = mountedAs('cifs', inner);
          const copies = await copiesIn(fs, root);
          if (copies.length !== 1 || !copies[0]?.includes('kept whole')) {
            throw new Error(`the new content is in ${copies.join() || 'no file'}`);
          }
          await api.replaceFile(`${root}/other`, 'next', { fs });
          await api.sweepOrphans(root, { fs });
          if ((await copiesIn(fs, root)).join() !== copies.join())
            throw new Error('the copy is gone');
          await mustFail(
            api.updateJson(`${root}/state.json`, () => ({}), { fs }),
            'CORRUPT_DOCUMENT',
          );
        },
      }),
    ),

    atAnInstant('transaction: link fails with EIO, and nothing is blocked', (root) => ({
      async setup(fs) {
        await fs.mkdir(`${root}/sub`);
        await api.replaceFile(`${root}/old`, 'moved', { fs });
      },
      async run(world) {
        const fs = mountedAs('fuse.rclone', world.fs, {
          async link(path) {
            throw systemError(constants.errno.EIO, 'link', path);
          },
        });
        const options = { fs };
        await api.transaction(
          root,
          async (tx) => {
            await tx.replaceFile('a', 'A');
            await tx.rename('old', 'sub/new');
          },
          options,
        );
        await api.replaceFile(`${root}/a`, 'next', options);
      },
      async check(fs) {
        await mustHold(fs, `${root}/sub/new`, 'moved');
        await mustHold(fs, `${root}/a`, 'next');
      },
    })),
  ];
}
