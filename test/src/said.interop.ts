/**
 * GDAL as the judge of what a file says: GeoTIFFs with random combinations of it are tiled, and
 * each single thing that GDAL says of a source it says of the mosaic too, or a line of `notCarried`
 * tells it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  fromGeoTiff,
  fromVrt,
  type NotCarried,
  type RasterSource,
  writeTiledVrt,
} from '@holdfast/raster';

const script = fileURLToPath(new URL('../python/said_judge.py', import.meta.url));
/** The same files for the same number and seed. */
const COUNT = Number(process.env['HOLDFAST_SAID'] ?? '2000');
const VRT_COUNT = Math.ceil(COUNT / 5);
const SEED = process.env['HOLDFAST_SAID_SEED'] ?? '1';
/** Made, tiled and judged together, so that the disk holds few of them. */
const BATCH = 50;

/** GDAL in one process, which answers one question after another. */
class Gdal {
  readonly #process;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor() {
    this.#process = spawn('/usr/bin/python3', [script, SEED], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    this.#ended = once(this.#process, 'exit');
  }

  async ask(...question: readonly unknown[]): Promise<readonly string[]> {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    const answer = await this.#answers.next();
    assert.ok(!answer.done, `GDAL's process ended at ${String(question.slice(0, 3))}`);
    return JSON.parse(answer.value) as string[];
  }

  async close(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }
}

type Told = Readonly<Record<string, readonly NotCarried[]>>;

/** What is made of random files and judged against its mosaic. */
interface Kind {
  readonly ending: 'tif' | 'src.vrt';
  readonly count: number;
  /** What may be refused, and why that is right. */
  readonly refused: readonly RegExp[];
}

async function open(path: string): Promise<RasterSource> {
  return path.endsWith('.vrt') ? fromVrt(path) : fromGeoTiff(path);
}

/** Tiles them; those that are refused, as they may be, are left out. */
async function tile(folder: string, { ending, refused }: Kind): Promise<Told> {
  const told: Record<string, readonly NotCarried[]> = {};
  for (const name of readdirSync(folder).filter((each) => each.endsWith(`.${ending}`))) {
    const stem = name.slice(0, -ending.length - 1);
    if (!/^\d+$/u.test(stem)) continue;
    let source: RasterSource | undefined;
    try {
      source = await open(join(folder, name));
      const options = { threads: 0, durability: 'atomic', tileSizePx: 32 } as const;
      const written = await writeTiledVrt(join(folder, `${stem}.vrt`), source, options);
      told[stem] = written.notCarried;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!refused.some((each) => each.test(message))) throw error;
    } finally {
      await source?.close?.();
    }
  }
  return told;
}

async function judgeAll(t: TestContext, kind: Kind): Promise<void> {
  const { ending, count } = kind;
  const directory = temporaryDirectory(t);
  const gdal = new Gdal();
  const make = async (first: number): Promise<string | undefined> => {
    if (first >= count) return undefined;
    const folder = join(directory, String(first));
    mkdirSync(folder);
    await gdal.ask('make', folder, first, Math.min(first + BATCH, count), ending);
    return folder;
  };
  const judge = async (folder: string, told: Told): Promise<readonly string[]> => {
    const found = await gdal.ask('judge', folder, told, ending);
    rmSync(folder, { recursive: true });
    return found;
  };
  const judged: Promise<readonly string[]>[] = [];
  let [tiledCount, tellingCount] = [0, 0];
  try {
    // While files are tiled, GDAL judges those before them and makes those after them.
    let made = make(0);
    for (let first = 0; first < count; first += BATCH) {
      const folder = await made;
      if (folder === undefined) break;
      made = make(first + BATCH);
      const told = await tile(folder, kind);
      tiledCount += Object.keys(told).length;
      tellingCount += Object.values(told).filter((lines) => lines.length > 0).length;
      judged.push(judge(folder, told));
    }
    await Promise.all(judged);
  } finally {
    await gdal.close();
  }
  const wrong = (await Promise.all(judged)).flat();
  t.diagnostic(`${count} files, ${tiledCount} tiled, ${tellingCount} with something told`);
  assert.deepEqual(wrong, []);
}

test(`each thing that GDAL says of ${COUNT} random files it says of their mosaics, or it is told (seed ${SEED})`, async (t) =>
  judgeAll(t, { ending: 'tif', count: COUNT, refused: [] }));

test(`so it is with ${VRT_COUNT} VRTs of such files, or they are refused by name`, async (t) =>
  judgeAll(t, {
    ending: 'src.vrt',
    count: VRT_COUNT,
    refused: [
      /bands of the mosaic have different types/u,
      /bands have different nodata values/u,
      /a picture of inks/u,
      /in a ComplexSource is not supported/u,
    ],
  }));
