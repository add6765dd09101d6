/**
 * Puts everything that a name can lead to in the place of every name that Holdfast uses, and makes
 * every call: the process in which names-taken.root.ts does so, in the directory `--in`. It prints
 * a line of JSON when a call begins, and one when it ends.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fromArray, openVrt, recoverVrt, verifyVrt, writeTiledVrt } from '@holdfast/raster';
import {
  acquireLock,
  appendRecords,
  compactRecords,
  isHoldfastError,
  listOrphans,
  listPrevious,
  publishDirectory,
  readJson,
  readRecords,
  recover,
  replaceFile,
  restorePrevious,
  sweepOrphans,
  transaction,
  updateJson,
} from 'holdfast';
import { commandCalls, type Calls } from './names-taken-commands.js';

/** What a name leads to, and how that is made; `stranger` is the number of another user. */
const kinds: Readonly<Record<string, (path: string, outside: string, stranger: number) => void>> = {
  fifo: (path) => execFileSync('mkfifo', [path]),
  device: (path) => execFileSync('mknod', [path, 'c', '1', '7']),
  'symlink to a file': (path, outside) => symlinkSync(join(outside, 'precious'), path),
  'symlink to a directory': (path, outside) => symlinkSync(outside, path),
  'dangling symlink': (path, outside) => symlinkSync(join(outside, 'none'), path),
  'hard link': (path, outside) => linkSync(join(outside, 'precious'), path),
  directory: (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), '');
  },
  'file of another user': (path, _, stranger) => {
    writeFileSync(path, '{"n":1}\n');
    chownSync(path, stranger, stranger);
  },
  'directory of another user': (path, _, stranger) => {
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), '');
    chownSync(path, stranger, stranger);
  },
  'file that all may write': (path) => {
    writeFileSync(path, '{"n":1}\n');
    chmodSync(path, 0o666);
  },
  'large file': (path) => {
    writeFileSync(path, '');
    execFileSync('truncate', ['--size=1T', path]);
  },
};

const ID = 'a'.repeat(20);
const at = (directory: string, name: string): string => join(directory, name);

const core: Calls = {
  async layOut(directory) {
    for (const [name, text] of [
      ['state.json', '{"n":1}\n'],
      ['log.jsonl', '{"n":1}\n{"n":1}\n{"torn'],
      ['plain', 'old'],
    ] as const) {
      writeFileSync(at(directory, name), text);
    }
    mkdirSync(at(directory, 'dist'));
    writeFileSync(at(directory, 'dist/old'), 'old');
  },
  ours: [
    'state.json.lock',
    'log.jsonl.lock',
    'dist.lock',
    '.holdfast-journal',
    '.holdfast-journal.lock',
    `.holdfast-${ID}.tmp`,
    `.dist.staging-${ID}`,
    `.dist.staging-${ID}.keep-1`,
    '.dist.staging-resume',
    'dist.previous-1',
    'log.jsonl.torn-96e9b1d2d3a77ab6',
    'plain.previous-1',
    'state.json.previous-2',
    '.holdfast-<inode of plain>.redo',
    '.holdfast-<inode of plain>.redo.lock',
  ],
  given: ['state.json', 'log.jsonl', 'plain', 'dist'],
  calls: {
    replaceFile: (d) => replaceFile(at(d, 'plain'), 'new'),
    'replaceFile in place': (d) => replaceFile(at(d, 'plain'), 'new', { inPlace: 'always' }),
    'replaceFile keeping': (d) =>
      replaceFile(at(d, 'plain'), 'new', { keepPrevious: 1, ...patience }),
    'updateJson restoring': (d) =>
      updateJson(at(d, 'state.json'), () => ({ n: 2 }), {
        ...patience,
        keepPrevious: 1,
        onCorrupt: 'restore',
      }),
    listPrevious: (d) => listPrevious(at(d, 'plain')),
    restorePrevious: (d) => restorePrevious(at(d, 'plain'), patience),
    readJson: (d) => readJson(at(d, 'state.json')),
    updateJson: (d) =>
      updateJson(at(d, 'state.json'), () => ({ n: 2 }), { ...patience, onCorrupt: 'quarantine' }),
    appendRecords: (d) => appendRecords(at(d, 'log.jsonl'), [{ n: 2 }], patience),
    compactRecords: (d) =>
      compactRecords(at(d, 'log.jsonl'), { key: 'n', onDamage: 'skip', ...patience }),
    async readRecords(d) {
      for await (const _ of readRecords(at(d, 'log.jsonl'), { onDamage: 'skip' })) continue;
    },
    publishDirectory: (d) => publishDirectory(at(d, 'dist'), fill, { ifExists: 'replace' }),
    'publishDirectory keeping': (d) =>
      publishDirectory(at(d, 'dist'), fill, { ifExists: 'replace', keepPrevious: 1 }),
    'publishDirectory resuming': (d) =>
      publishDirectory(at(d, 'dist'), fill, { ifExists: 'replace', resume: true }),
    transaction: (d) =>
      transaction(
        d,
        async (tx) => {
          await tx.replaceFile('plain', 'new');
          await tx.updateJson('state.json', () => ({ n: 3 }));
          await tx.publishDirectory('dist', fill, { ifExists: 'replace' });
        },
        patience,
      ),
    acquireLock: async (d) => (await acquireLock(at(d, 'state.json'), patience)).release(),
    recover: (d) => recover(d, patience),
    listOrphans: (d) => listOrphans(d, { recursive: true }),
    sweepOrphans: (d) => sweepOrphans(d, { recursive: true, resumable: true }),
  },
};

const source = fromArray({ data: new Uint8Array(16 * 16).fill(5), width: 16, height: 16 });
const quick = { tileSizePx: 16, threads: 0, durability: 'atomic', ifExists: 'replace' } as const;

const raster: Calls = {
  async layOut(directory) {
    const made = at(dirname(directory), 'mosaic');
    if (!existsSync(made)) {
      mkdirSync(made);
      await writeTiledVrt(at(made, 'out.vrt'), source, quick);
      await writeTiledVrt(at(made, 'out.vrt'), source, quick);
      cpSync(at(made, 'out.vrt.generations'), at(made, 'out.vrt.resume'));
    }
    cpSync(made, directory, { recursive: true });
  },
  ours: [
    'out.vrt.lock',
    'out.vrt.resume',
    'out.vrt.generations',
    'out_tiles',
    'out_tiles.2',
    'out_tiles.3',
    '.out_tiles.staging-resume',
    `.out_tiles.staging-${ID}`,
    'out_tiles.2/holdfast-tiles.json',
    'out_tiles.2/holdfast-index.vrt',
    'out_tiles.2/tile_00_00.tif',
    'other.vrt',
  ],
  given: ['out.vrt', 'out.vrt.ovr', 'out.vrt.aux.xml'],
  calls: {
    writeTiledVrt: (d) => writeTiledVrt(at(d, 'out.vrt'), source, quick),
    'writeTiledVrt resuming': (d) =>
      writeTiledVrt(at(d, 'out.vrt'), source, { ...quick, resume: true }),
    verifyVrt: (d) => verifyVrt(at(d, 'out.vrt')),
    recoverVrt: (d) => recoverVrt(d, { discard: true }),
    async openVrt(d) {
      const mosaic = await openVrt(at(d, 'out.vrt'));
      try {
        await mosaic.read({ xPx: 0, yPx: 0, widthPx: 16, heightPx: 16 });
      } finally {
        await mosaic.close();
      }
    },
  },
};

const patience = { timeoutMs: 2000 } as const;
const fill: Parameters<typeof publishDirectory>[1] = (stage) =>
  stage.write('new', 'new', { overwrite: true });

/** Names, contents, owners and modes of what is outside. */
function snapshot(outside: string): string {
  const names = readdirSync(outside, { recursive: true }).map(String).toSorted();
  return JSON.stringify(
    names.map((name) => {
      const { mode, uid, size } = statSync(join(outside, name));
      return [name, mode, uid, size, readFileSync(join(outside, name), 'latin1')];
    }),
  );
}

/**
 * For commands, each of which takes a process: what they do beside the calls is to read, and to ask
 * for input. The rest is for the night.
 */
const kindsForCommands = process.env['HOLDFAST_NIGHTLY']
  ? ['fifo', 'symlink to a file', 'file of another user']
  : ['fifo'];

/**
 * Which kinds take the place of a name. The content of a caller may be as large as it likes, and
 * takes its time and space.
 */
function kindsFor(
  holdsContent: boolean,
  isCommand: boolean,
): readonly [string, (typeof kinds)[string]][] {
  return Object.entries(kinds).filter(([kind]) =>
    isCommand ? kindsForCommands.includes(kind) : !(holdsContent && kind === 'large file'),
  );
}

/** Some names have an inode number in them. */
function nameIn(directory: string, pattern: string): string {
  const [before, file, after] = pattern.split(/<inode of (.*?)>/);
  if (file === undefined) return pattern;
  return `${before}${statSync(at(directory, file)).ino.toString(16)}${after}`;
}

async function makeCall(call: () => Promise<unknown>): Promise<{ code: string; typed: boolean }> {
  try {
    await call();
    return { code: 'done', typed: true };
  } catch (error) {
    if (isHoldfastError(error)) return { code: error.code, typed: true };
    return {
      code: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
      typed: false,
    };
  }
}

async function tryAll(
  which: string,
  { layOut, ours, given, calls }: Calls,
  stranger: number,
): Promise<void> {
  const base = mkdtempSync(join(values.in, 'names-'));
  const contents = [...given, 'plain.previous-1'];
  try {
    for (const pattern of [...ours, ...given])
      for (const [kind, plant] of kindsFor(contents.includes(pattern), which === 'commands'))
        for (const [callName, call] of Object.entries(calls)) {
          const [directory, outside] = [join(base, 'here'), join(base, 'outside')];
          for (const old of [directory, outside]) rmSync(old, { recursive: true, force: true });
          for (const made of [directory, outside]) mkdirSync(made, { mode: 0o755 });
          writeFileSync(join(outside, 'precious'), 'precious');
          await layOut(directory);
          const name = nameIn(directory, pattern);
          rmSync(join(directory, name), { recursive: true, force: true });
          plant(join(directory, name), outside, stranger);
          const before = snapshot(outside);
          const what = `${which}: ${callName}, ${pattern} is a ${kind}`;
          console.log(JSON.stringify({ begins: what }));
          const end = await makeCall(() => call(directory));
          const untouched = given.includes(pattern) || snapshot(outside) === before;
          console.log(JSON.stringify({ ends: what, ...end, untouched }));
        }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

const groups: Readonly<Record<string, readonly Calls[]>> = {
  core: [core],
  raster: [raster],
  commands: commandCalls(core.layOut, raster.layOut),
};

const { values } = parseArgs({
  options: {
    stranger: { type: 'string', default: '' },
    which: { type: 'string', default: 'core' },
    in: { type: 'string', default: tmpdir() },
  },
});
await Promise.all(
  (groups[values.which] ?? []).map((calls) => tryAll(values.which, calls, Number(values.stranger))),
);
