/**
 * Mosaics in parts. Workers that share this machine, beside one process that writes the same mosaic;
 * what a part costs beyond its tiles; and what begin and commit take for very many tiles.
 *
 * HOLDFAST_BENCH_SIZE is another size than 8192, HOLDFAST_BENCH_DIRECTORY the directory to work in,
 * where the terrain stays for the next run. `--only TEXT` picks tables by their title: 'workers',
 * 'part' or 'tiles'.
 */
import { execFileSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './bench-options.js';
import type { PartsInput, PartsJob } from './parts-job.js';
import { type ProgramContender, printUse } from './process-use.js';
import { terrainOf } from './raster.js';
import { median } from './rounds.js';

const program = fileURLToPath(new URL('./parts-job.js', import.meta.url));
const OPTIONS = { tileSizePx: 512, compression: 'zstd', level: 1 } as const;
const TILES_OF_A_PART = 64;

interface Table {
  readonly title: string;
  readonly print: (title: string) => void;
}

/** Runs the benchmark and prints its tables. */
export async function benchParts({ quick, only = '' }: BenchOptions): Promise<void> {
  const parent = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? tmpdir();
  const root = nodeFs.mkdtempSync(`${parent}/holdfast-bench-`);
  const inputs = process.env['HOLDFAST_BENCH_DIRECTORY'] ?? root;
  const sizePx = quick ? 2048 : Number(process.env['HOLDFAST_BENCH_SIZE'] ?? 8192);
  const manyTiles = quick ? 1000 : 100_000;
  const tables: readonly Table[] = [
    {
      title: `workers: ${sizePx} x ${sizePx} float32, 512 px, zstd 1`,
      print: (title) => {
        const { input } = terrainOf(inputs, 'float32', sizePx);
        printUse(title, workersOf(root, { input }, sizePx), quick ? 1 : 5);
      },
    },
    {
      title: `a part of ${TILES_OF_A_PART} tiles of 16 x 16 bytes, beyond what its tiles take`,
      print: (title) => printOverhead(title, root, quick ? 4 : 20),
    },
    {
      title: `begin and commit of ${manyTiles} tiles of 16 x 16 bytes in 100 parts`,
      print: (title) => printMany(title, root, manyTiles),
    },
  ];
  try {
    const chosen = tables.filter(({ title }) => title.includes(only));
    if (chosen.length === 0) console.error(`bench: no table of parts holds '${only}'`);
    for (const { title, print } of chosen) print(title);
  } finally {
    nodeFs.rmSync(root, { recursive: true, force: true });
  }
}

function workersOf(root: string, input: PartsInput, sizePx: number): readonly ProgramContender[] {
  const tiles = (sizePx / OPTIONS.tileSizePx) ** 2;
  const partCount = Math.max(4, Math.ceil(tiles / TILES_OF_A_PART));
  const contender = (name: string, job: object): ProgramContender => {
    let path = '';
    return {
      name,
      prepare: () => {
        path = `${nodeFs.mkdtempSync(`${root}/target-`)}/out.vrt`;
        execFileSync('sync');
      },
      command: () => [
        process.execPath,
        program,
        JSON.stringify({ ...input, options: OPTIONS, path, ...job }),
      ],
    };
  };
  const session = { do: 'session', partCount };
  return [
    contender('one process', { do: 'whole' }),
    contender(`two workers of one thread, ${partCount} parts`, {
      ...session,
      workers: 2,
      threads: 1,
    }),
    contender(`one worker, ${partCount} parts`, { ...session, workers: 1, threads: 2 }),
  ];
}

function runJob(job: PartsJob): Readonly<Record<string, number>> & { readonly id?: string } {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
  const given = [program, JSON.stringify(job)];
  return JSON.parse(execFileSync(process.execPath, given, { encoding: 'utf8', env })) as never;
}

/** What so many parts take less what one part with the same tiles takes. */
function printOverhead(title: string, root: string, partCount: number): void {
  const options = { tileSizePx: 16, compression: 'none' } as const;
  const tileCount = partCount * TILES_OF_A_PART;
  const useOf = (count: number, threads: number): Readonly<Record<string, number>> => {
    const path = `${nodeFs.mkdtempSync(`${root}/target-`)}/out.vrt`;
    const job = { tileCount, path, options };
    const { id = '' } = runJob({ ...job, do: 'begin', partCount: count });
    const worker = { index: 0, of: 1 };
    return runJob({ ...job, do: 'parts', id, threads, worker });
  };
  console.log(`\n${title}`);
  for (const threads of [0, 1]) {
    const rounds = Array.from({ length: 5 }, () => [useOf(partCount, threads), useOf(1, threads)]);
    const column = (key: 'parts' | 'processorMs'): string =>
      median(
        rounds.map(([many, one]) => ((many?.[key] ?? NaN) - (one?.[key] ?? NaN)) / (partCount - 1)),
      )
        .toFixed(1)
        .padStart(8);
    const name = threads === 0 ? 'on the calling thread' : 'by a thread';
    console.log(
      `  ${name.padEnd(44)}${column('parts')} ms clock ${column('processorMs')} ms processor`,
    );
  }
}

function printMany(title: string, root: string, tileCount: number): void {
  const path = `${root}/many.vrt`;
  const job = { tileCount, path, options: { tileSizePx: 16, compression: 'none' } as const };
  const line = (name: string, { peakBytes = NaN, ...took }: Readonly<Record<string, unknown>>) => {
    const seconds = (Number(took[name]) / 1000).toFixed(1).padStart(10);
    const memory = (Number(peakBytes) / 1e6).toFixed(0).padStart(8);
    console.log(`  ${name.padEnd(44)}${seconds} s ${memory} MB`);
  };
  console.log(`\n${title}`);
  const begun = runJob({ ...job, do: 'begin', partCount: 100 });
  const { id = '' } = begun;
  line('begin', begun);
  line('parts', runJob({ ...job, do: 'parts', id, threads: 0, worker: { index: 0, of: 1 } }));
  line('commit', runJob({ ...job, do: 'commit', id }));
}
