/**
 * The commands of `holdfast` for names-taken.ts: each that takes a path, among names that something
 * else has.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What stands in a directory under a name of ours, and what a caller names. */
export interface Calls {
  /** Makes the directory in which the calls are made. */
  readonly layOut: (directory: string) => Promise<void>;
  /** Names that Holdfast makes. */
  readonly ours: readonly string[];
  /** Names that a caller gives; a symlink there is followed, and a link written through. */
  readonly given: readonly string[];
  readonly calls: Readonly<Record<string, (directory: string) => Promise<unknown>>>;
}

const holdfast = fileURLToPath(import.meta.resolve('@holdfast/cli/package.json')).replace(
  'package.json',
  'bin/holdfast.js',
);
/** A command ends within a second. */
const PATIENCE_MS = 30_000;
/** Below the message of an error that is not Holdfast's own stands where it came from. */
const UNTYPED = /^ +at .+:\d+:\d+\)?$/m;

const journal = ['.holdfast-journal', '.holdfast-journal.lock'];
const ID = 'a'.repeat(20);

/**
 * Runs a command in a directory.
 *
 * @param line - its arguments, separated by blanks
 * @throws Error when it does not end, ends by a signal, or says an error that is not typed
 */
async function run(directory: string, line: string, input: string): Promise<void> {
  const { stderr, signal } = await ended(directory, line, input);
  if (signal) throw new Error(`ended by ${signal}`);
  if (UNTYPED.test(stderr)) throw new Error(stderr);
}

interface Ended {
  readonly stderr: string;
  readonly signal: NodeJS.Signals | undefined;
}

function ended(directory: string, line: string, input: string): Promise<Ended> {
  const options = { cwd: directory, timeout: PATIENCE_MS, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    const args = [holdfast, ...line.split(' ')];
    const child = execFile(process.execPath, args, options, (error, _, stderr) =>
      resolve({ stderr, signal: error?.signal }),
    );
    // A command that refuses its arguments does not read.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function commands(lines: readonly string[], input = ''): Calls['calls'] {
  return Object.fromEntries(
    lines.map((line) => [line, (directory) => run(directory, line, input)]),
  );
}

/**
 * Groups of commands that use the same names.
 *
 * @param core - lays out documents, a log and a directory
 * @param raster - lays out a mosaic
 */
export function commandCalls(core: Calls['layOut'], raster: Calls['layOut']): readonly Calls[] {
  return [
    {
      layOut: core,
      ours: ['state.json.lock', 'state.json.previous-1', `.holdfast-${ID}.tmp`, ...journal],
      given: ['state.json'],
      calls: {
        ...commands([
          'json get state.json /n',
          'json set state.json /n 2 --timeout 1 --quarantine',
          'json set state.json /n 3 --timeout 1 --restore --keep 1',
          'history state.json',
          'restore state.json --timeout 1',
          'json merge state.json {"n":2} --timeout 1',
          'json patch state.json [] --timeout 1',
          'json delete state.json /n --timeout 1',
          'lock state.json --timeout 1 true',
        ]),
        ...commands(['put state.json'], '{}'),
      },
    },
    {
      async layOut(directory) {
        writeFileSync(join(directory, '.env'), 'A=1\n');
      },
      ours: ['.env.lock'],
      given: ['.env'],
      calls: commands(['env get .env /A', 'env set .env /A 2 --timeout 1', 'env delete .env /A']),
    },
    {
      layOut: core,
      ours: ['log.jsonl.lock', 'log.jsonl.torn-96e9b1d2d3a77ab6', ...journal],
      given: ['log.jsonl'],
      calls: {
        ...commands(['records append log.jsonl --timeout 1'], '{"n":2}\n'),
        ...commands(['records read log.jsonl', 'records compact log.jsonl --key n --timeout 1']),
      },
    },
    {
      async layOut(directory) {
        await core(directory);
        writeFileSync(join(directory, 'from'), 'new');
      },
      ours: [
        'dist.lock',
        `.dist.staging-${ID}`,
        '.dist.staging-resume',
        'dist.previous-1',
        ...journal,
      ],
      given: ['dist', 'from'],
      calls: {
        ...commands([
          'publish dist --replace touch {}/new',
          'publish dist --replace --keep 1 touch {}/new',
          'publish dist --replace --resume touch {}/new',
          'orphans . --recursive',
          'orphans . --sweep --resumable',
          'doctor .',
          'recover .',
        ]),
        ...commands(
          ['transaction . --timeout 1'],
          '[{"publishDirectory":"dist","from":"dist","ifExists":"replace"},{"replaceFile":"plain","from":"from"}]',
        ),
      },
    },
    {
      async layOut(directory) {
        await raster(directory);
        copyFileSync(join(directory, 'out_tiles.2/tile_00_00.tif'), join(directory, 'in.tif'));
      },
      ours: [
        'out.vrt.lock',
        'out.vrt.resume',
        'out.vrt.generations',
        'out_tiles.2',
        '.out_tiles.staging-resume',
        'out_tiles.2/holdfast-tiles.json',
        'out_tiles.2/holdfast-index.vrt',
        'out_tiles.2/tile_00_00.tif',
      ],
      given: ['out.vrt', 'in.tif', 'out.png'],
      calls: commands([
        'raster tile in.tif out.vrt --replace --quiet --threads 1',
        'raster tile in.tif out.vrt --replace --quiet --threads 1 --resume',
        'raster info out.vrt',
        'raster verify out.vrt --deep --quiet',
        'raster preview out.vrt out.png',
        'raster recover . --discard',
      ]),
    },
    {
      async layOut(directory) {
        mkdirSync(join(directory, '.metaflow/Flow'), { recursive: true });
        for (const name of ['p', '.metaflow/Flow/conda.manifest'])
          writeFileSync(join(directory, name), '{}');
      },
      ours: ['p.lock', '.metaflow/Flow/conda.manifest.lock'],
      given: ['p', '.metaflow/Flow/conda.manifest', '.metaflow/Flow'],
      calls: {
        ...commands([
          'metaflow token show p --home .',
          'metaflow token new p --home .',
          'metaflow token store p p-0-abcd --home .',
          'metaflow manifest get Flow a',
        ]),
        ...commands(['metaflow manifest set Flow a'], '1'),
      },
    },
  ];
}
