/**
 * Logs that are rotated, and logs that are repaired. Of a rotated log a reader looks at all files:
 * each acknowledged record is in one of them, once and in order, unless so many newer ones are
 * there that it was to be removed. Of a repaired one each record that is whole is in it, and every
 * other byte beside it.
 */
import type { Fs } from 'holdfast/os';
import {
  allowedAfter,
  attempt,
  checkNamesBelow,
  scenarioOfSteps,
  type Scenario,
  type ScenarioAt,
} from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';

/** Longer than a page; no two are of one length, so that of two that are mixed none is whole. */
const entry = (id: number): { id: number; text: string } => ({
  id,
  text: String.fromCodePoint(0x61 + id).repeat(5000 + 2 * id),
});
const IN_A_FILE = 2;
const MAX_BYTES = 12_000;
const KEEP = 2;
/** So many are there before: all files are full. */
const BEFORE = (KEEP + 1) * IN_A_FILE;
const COUNT = BEFORE + 2;

export function logFileScenarios(api: HoldfastApi): Record<string, ScenarioAt> {
  return {
    'appendRecords: rotation': (root) => rotation(api, 'appendRecords: rotation', 1, root),
    'appendRecords: rotation by two processes': (root) => ({
      ...rotation(api, 'appendRecords: rotation by two processes', 2, root),
      // What fails, and what a kill leaves, is the same with one.
      engines: ['model', 'race'],
    }),
    repairRecords: (root) => repair(api, root),
  };
}

function rotation(api: HoldfastApi, name: string, processes: number, root: string): Scenario {
  const path = `${root}/log.jsonl`;
  const append = (fs: Fs, id: number): Promise<unknown> =>
    api.appendRecords(path, [entry(id)], { fs, maxBytes: MAX_BYTES, keep: KEEP });
  return {
    name,
    root,
    async setup(fs) {
      for (let id = 0; id < BEFORE; id += 1) await append(fs, id);
    },
    async run(world) {
      const all = [world.fs, ...Array.from({ length: processes - 1 }, () => world.newProcess())];
      for (let id = BEFORE; id < COUNT; id += processes) {
        await Promise.all(
          all.map((fs, index) =>
            attempt(world, `append ${id + index}`, () => append(fs, id + index)),
          ),
        );
      }
    },
    async check(fs, acknowledged) {
      const before = await idsIn(api, fs, path, false);
      checkIds(before, acknowledged, processes);
      const more = [COUNT + 1, COUNT + 2, COUNT + 3];
      for (const id of more) await append(fs, id);
      const after = await idsIn(api, fs, path, true);
      const expected = [...before, ...more];
      if (
        after.join() !== expected.slice(-after.length).join() ||
        after.length < KEEP * IN_A_FILE
      ) {
        throw new Error(`after the next appends: ${after.join(' ')}, before: ${before.join(' ')}`);
      }
      const names = ['log.jsonl', 'log.jsonl.1', 'log.jsonl.2', 'log.jsonl.lock'];
      await checkNamesBelow(fs, root, names, (left) => left.includes('.torn-'));
    },
  };
}

/**
 * An acknowledged record may only be missing where so many newer ones are there as are to be kept.
 */
function checkIds(
  seen: readonly number[],
  acknowledged: readonly string[],
  processes: number,
): void {
  const waves = seen.map((id) =>
    id < BEFORE ? id : Math.floor((id - BEFORE) / processes) + BEFORE,
  );
  const isSorted = waves.every((wave, index) => wave >= (waves[index - 1] ?? 0));
  const all = [...acknowledged, ...Array.from({ length: BEFORE }, (_, id) => `append ${id}: done`)];
  const wrong = Array.from({ length: COUNT }, (_, id) => id).filter((id) => {
    const allowed = allowedAfter(all, `append ${id}`, false, true);
    const isRemoved = seen.filter((other) => other > id).length >= KEEP * IN_A_FILE;
    return !allowed.includes(seen.includes(id)) && !(isRemoved && allowed.includes(true));
  });
  if (wrong.length === 0 && isSorted && new Set(seen).size === seen.length) return;
  throw new Error(`after ${acknowledged.join(', ')}: ${seen.join(' ')}; wrong: ${wrong.join(' ')}`);
}

/**
 * The records of all files, the oldest first.
 *
 * @param isWritten - whether the log was written since a crash: then no file has two names any more
 */
async function idsIn(
  api: HoldfastApi,
  fs: Fs,
  path: string,
  isWritten: boolean,
): Promise<readonly number[]> {
  const ids: number[] = [];
  const log = await fs.lstat(path).catch(() => undefined);
  for (let number = KEEP + 1; number >= 0; number -= 1) {
    const at = number === 0 ? path : `${path}.${number}`;
    const there = await fs.lstat(at).catch(() => undefined);
    if (!there || (number > 0 && there.ino === log?.ino && !isWritten)) continue;
    for await (const { id, text } of api.readRecords<ReturnType<typeof entry>>(at, {
      fs,
      format: 'jsonl',
    })) {
      if (text !== entry(id).text) throw new Error(`the record ${id} is not whole`);
      ids.push(id);
    }
  }
  return ids;
}

function repair(api: HoldfastApi, root: string): Scenario {
  const path = `${root}/log.jsonl`;
  // Short, since an error engine has it read byte by byte, and a repair reads it more than once.
  const short = (id: number): ReturnType<typeof entry> => ({
    id,
    text: entry(id).text.slice(4500),
  });
  const line = (id: number): string => JSON.stringify(short(id));
  const pieces = [line(7).slice(0, 450), '\0'.repeat(500)];
  const damaged = `${line(0)}${line(1)}\n${pieces[0]}${line(2)}\n${pieces[1]}${line(3)}\n${line(4)}`;
  return scenarioOfSteps({
    name: 'repairRecords',
    root,
    setup: (fs) => put(fs, path, damaged),
    async observe(fs) {
      const ids: number[] = [];
      const onDamage = ({ isTorn }: { readonly isTorn: boolean }): void => {
        if (!isTorn) ids.push(-1);
      };
      const options = { fs, onDamage };
      for await (const { id, text } of api.readRecords<ReturnType<typeof entry>>(path, options)) {
        if (text !== short(id).text) throw new Error(`the record ${id} is not whole`);
        ids.push(id);
      }
      if (ids.includes(-1)) return ids.join(' ');
      const kept = await keptBeside(fs, root);
      const lost = pieces.filter((piece) => !kept.includes(piece));
      return `${ids.join(' ')}; pieces that are lost: ${lost.length}`;
    },
    steps: [
      { label: 'repair', call: (fs) => api.repairRecords(path, { fs }) },
      { label: 'append', call: (fs) => api.appendRecords(path, [short(5)], { fs }) },
    ],
    async nextRun(fs) {
      await api.repairRecords(path, { fs });
      await api.appendRecords(path, [short(6)], { fs });
    },
    mayStay: (left) => left.includes('.torn-'),
  });
}

async function keptBeside(fs: Fs, root: string): Promise<string[]> {
  const names = (await fs.readDirectory(root)).filter(({ name }) => name.includes('.torn-'));
  return Promise.all(
    names.map(async ({ name }) => {
      const file = await fs.open(`${root}/${name}`, { access: 'read' });
      const bytes = Buffer.alloc((await file.stat()).sizeBytes);
      await file.read(bytes, 0);
      await file.close();
      return bytes.toString('utf8');
    }),
  );
}

async function put(fs: Fs, path: string, content: string): Promise<void> {
  const file = await fs.open(path, { access: 'write', create: 'exclusive' });
  await file.write(Buffer.from(content), 0);
  await file.sync();
  await file.close();
}
