/** Another program, or the filesystem, changes what a call is about to replace, copy or publish. */
import type { Fs } from 'holdfast/os';
import { type Call, interceptFs } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { atAnInstant, deferred, mustFail, mustHold, type NamedScenario } from './instant.js';
import { callOn } from './killed-process.js';
import { seeFile } from './reading.js';

export function interferenceScenarios(api: HoldfastApi): readonly NamedScenario[] {
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

  return [
    atAnInstant('transaction: its target is replaced meanwhile', (root) => ({
      setup: async (fs) => {
        await api.publishDirectory(`${root}/t`, (stage) => stage.write('a', 'new'), { fs });
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
    })),

    atAnInstant('publishDirectory: a stage that another run took over', (root) => ({
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
    })),

    atAnInstant('compactRecords: the log becomes shorter meanwhile', (root) => ({
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
    })),

    atAnInstant('updateJson: the document is emptied meanwhile', (root) => ({
      setup: (fs) => api.replaceFile(`${root}/doc.json`, '{"kept":1}', { fs }),
      async run(world) {
        const path = `${root}/doc.json`;
        const fs = world.newProcess();
        const update = (): Promise<unknown> =>
          api.updateJson<Record<string, number>>(path, (value) => ({ ...value, more: 1 }), { fs });
        await update();
        await emptyInPlace(world.fs, path);
        await mustFail(update(), 'CORRUPT_DOCUMENT');
      },
      async check(fs) {
        const seen = await seeFile(fs, `${root}/doc.json`);
        if (seen.includes('more') && !seen.includes('kept')) throw new Error(`begun anew: ${seen}`);
      },
    })),

    atAnInstant('updateJson: the document is being written in place', (root) => ({
      setup: (fs) => api.replaceFile(`${root}/doc.json`, '', { fs }),
      async run(world) {
        const path = `${root}/doc.json`;
        let looks = 0;
        const fs = interceptFs(world.newProcess(), {
          after: async (call) => {
            if (call.name !== 'open' || call.path !== path) return;
            looks += 1;
            if (looks === 3) await api.replaceFile(path, '{"kept":1}', { fs: world.fs });
          },
        });
        await api.updateJson<Record<string, number>>(path, (value) => ({ ...value, more: 1 }), {
          fs,
        });
      },
      check: (fs) => mustHold(fs, `${root}/doc.json`, 'kept'),
    })),

    atAnInstant('replaceFile: a filesystem that lies about counts', (root) => ({
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
    })),
  ];
}

/** Takes the end of a file away that a write has just put there. */
async function cutShort(fs: Fs, { path }: Call): Promise<void> {
  const file = await fs.open(path, { access: 'write' });
  await file.truncate(3);
  await file.close();
}

/** What a program does that truncates a file to write it again, and dies in between. */
async function emptyInPlace(fs: Fs, path: string): Promise<void> {
  const file = await fs.open(path, { access: 'readWrite' });
  try {
    await file.truncate(0);
  } finally {
    await file.close();
  }
}
