/**
 * A tree that is made in parts: by one after another, by processes side by side, and after each of
 * them died at any step. Whatever happens, the target is not there or is whole, and whoever calls
 * again brings it to its end.
 */
import type { Fs } from 'holdfast/os';
import {
  attemptAgainstOthers,
  checkNamesBelow,
  type ScenarioAt,
  scenarioOfSteps,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { seeTree } from './reading.js';

/** Longer than a page, so that a part of a file can be lost. */
const long = (letter: string): string => letter.repeat(5000);

const PARTS = 2;
/** As a reader sees it (reading.ts), with the sum of all bytes of the long file. */
const WHOLE = `{part-0="${'0'.repeat(20)}"…(5000, -2045667328) sub={0="0" 1="1"}}`;

/** What each part makes. */
const parts: readonly string[] = [
  `{part-0="${'0'.repeat(20)}"…(5000, -2045667328) sub={0="0"}}`,
  '{sub={1="1"}}',
];

export function partsScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  const begin = (fs: Fs, path: string) =>
    api.beginParts(path, { partCount: PARTS, job: 'both', fs });

  const write = async (fs: Fs, path: string, id: string, part: number): Promise<void> => {
    const session = await api.joinParts(path, id, { fs });
    await session.writePart(part, async (stage) => {
      if (part === 0) await stage.write('part-0', long('0'));
      await stage.write(`sub/${part}`, String(part));
      return { part };
    });
  };

  const commit = async (fs: Fs, path: string, id: string): Promise<void> => {
    await (await api.joinParts(path, id, { fs })).commit();
  };

  /** What an engine does with what it knows: it calls everything, as often as it takes. */
  const makeAll = async (fs: Fs, path: string): Promise<void> => {
    const { id } = await begin(fs, path);
    for (let part = 0; part < PARTS; part += 1) await write(fs, path, id, part);
    await commit(fs, path, id);
  };

  /** The target; where there is none, what the parts have made that are done. */
  const seeAll = async (fs: Fs, root: string): Promise<string> => {
    const tree = await seeTree(fs, `${root}/out`);
    if (tree !== '(none)') return tree;
    const names = (await fs.readDirectory(root)).map(({ name }) => name);
    const found = names.find((name) => name.startsWith('.out.session-'));
    const id = /session-([0-9a-f]{20})/u.exec(found ?? '')?.[1] ?? '';
    const session = await api.joinParts(`${root}/out`, id, { fs }).catch(() => undefined);
    if (!session) return '(none)';
    const seen: string[] = [];
    for (const part of (await session.progress()).done) {
      const attempts = await fs.readDirectory(`${root}/${found}/attempts`);
      const made = attempts.filter(({ name }) => name.startsWith(`${part}-`));
      const trees = made.map(({ name }) => seeTree(fs, `${root}/${found}/attempts/${name}`));
      // A dead attempt may lie beside the one that counts.
      seen.push(`${part}: ${(await Promise.all(trees)).find((each) => parts.includes(each))}`);
    }
    return `session (${seen.join(', ')})`;
  };

  const plan = (root: string) => ({
    root,
    observe: (fs: Fs) => seeAll(fs, root),
    nextRun: async (fs: Fs) => {
      await makeAll(fs, `${root}/out`);
      await api.sweepOrphans(root, { fs });
      const seen = await seeTree(fs, `${root}/out`);
      if (seen !== WHOLE) throw new Error(`after the next run there is ${seen}`);
    },
    mayStay: (path: string) => /(^|\/)\.out\.session-[0-9a-f]{20}(\/|$)/u.test(path),
  });

  const inTurn: ScenarioAt = (root) => {
    const path = `${root}/out`;
    const idOf = async (fs: Fs): Promise<string> => (await begin(fs, path)).id;
    return scenarioOfSteps({
      name: 'parts: begun, written, committed',
      ...plan(root),
      steps: [
        { label: 'begin', call: (fs) => begin(fs, path) },
        { label: 'part 0', call: async (fs) => write(fs, path, await idOf(fs), 0) },
        { label: 'part 1', call: async (fs) => write(fs, path, await idOf(fs), 1) },
        { label: 'commit', call: async (fs) => commit(fs, path, await idOf(fs)) },
        { label: 'commit again', call: async (fs) => commit(fs, path, await idOf(fs)) },
      ],
    });
  };

  const abandoned: ScenarioAt = (root) => {
    const path = `${root}/out`;
    return scenarioOfSteps({
      name: 'parts: abandoned',
      ...plan(root),
      steps: [
        { label: 'begin', call: (fs) => begin(fs, path) },
        {
          label: 'part 1',
          call: async (fs) => write(fs, path, (await begin(fs, path)).id, 1),
        },
        {
          label: 'abandon',
          call: async (fs) => api.abandonParts(path, (await begin(fs, path)).id, { fs }),
        },
      ],
    });
  };

  /** One part twice, the other once, and two who commit: of all of them anyone may be killed. */
  const sideBySide: ScenarioAt = (root) => {
    const path = `${root}/out`;
    return {
      name: 'parts: processes side by side',
      root,
      // Every failing call of every one of five processes takes minutes.
      engines: ['model', 'race', 'kill', 'power'],
      async run(world) {
        const attemptAs = (label: string, work: (fs: Fs, id: string) => Promise<void>) => {
          const process = world.newProcess();
          return attemptAgainstOthers(world, label, async () => {
            const { id } = await begin(process, path);
            await work(process, id);
          });
        };
        await Promise.all([
          attemptAs('part 0', (fs, id) => write(fs, path, id, 0)),
          attemptAs('part 0 twice', (fs, id) => write(fs, path, id, 0)),
          attemptAs('part 1', (fs, id) => write(fs, path, id, 1)),
        ]);
        await Promise.all([
          attemptAs('commit', (fs, id) => commit(fs, path, id)),
          attemptAs('commit twice', (fs, id) => commit(fs, path, id)),
        ]);
      },
      async check(fs, acknowledged) {
        const seen = await seeTree(fs, path);
        const isCommitted = acknowledged.some((label) => /^commit.*: done$/u.test(label));
        if (seen !== WHOLE && (isCommitted || seen !== '(none)'))
          throw new Error(`after "${acknowledged.join(', ')}" a reader sees ${seen}`);
        await plan(root).nextRun(fs);
        await checkNamesBelow(
          fs,
          root,
          [
            'out',
            'out/part-0',
            'out/sub',
            'out/sub/0',
            'out/sub/1',
            'out.lock',
            '.out.session.json',
          ],
          () => false,
        );
      },
    };
  };

  return {
    'parts: begun, written, committed': inTurn,
    'parts: abandoned': abandoned,
    'parts: processes side by side': sideBySide,
  };
}
