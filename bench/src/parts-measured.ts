/**
 * What the simulation of many workers goes by, measured here: how long real tiles take, and how
 * many calls of the filesystem a part, each of its tiles, and the commit of each take.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { interceptFs } from '@holdfast/crashkit';
import { beginMosaic, fromArray, joinMosaic, type RasterSource } from '@holdfast/raster';
import { nodeFileSystem } from 'holdfast/os';

/** What is known of parts and tiles. */
export interface MeasuredParts {
  /** Times of real tiles, by one thread. */
  readonly tileMs: readonly number[];
  readonly tileBytes: number;
  /** Of a part, without its tiles. */
  readonly callsOfPart: number;
  readonly callsOfTile: number;
  readonly callsOfTileInCommit: number;
}

const TILE_PX = 512;
const COLUMNS = 6;

/** Measures in a temporary directory, in some seconds. */
export async function measureParts(): Promise<MeasuredParts> {
  const directory = mkdtempSync(`${tmpdir()}/holdfast-bench-`);
  try {
    const options = { tileSizePx: TILE_PX, compression: 'zstd', level: 1 } as const;
    let calls = 0;
    const fs = interceptFs(nodeFileSystem, { before: () => void (calls += 1) });
    const countOf = async (work: () => Promise<unknown>): Promise<number> => {
      calls = 0;
      await work();
      return calls;
    };
    const tileMs: number[] = [];
    const tileBytes: number[] = [];
    /** The calls of each part, and of the commit. */
    const run = async (partCount: number, columns: number) => {
      const place = mkdtempSync(`${directory}/`);
      const path = `${place}/out.vrt`;
      const source = terrain(columns);
      const { id } = await beginMosaic(path, source, { ...options, partCount });
      const session = await joinMosaic(path, id, source, { threads: 0, concurrency: 1, fs });
      const parts: number[] = [];
      for (let part = 0; part < partCount; part += 1) {
        let [before, bytesBefore] = [0, 0];
        const onProgress = ({ fileBytes }: { readonly fileBytes: number }): void => {
          const now = performance.now();
          // The first tile of a part comes after its beginning.
          if (before > 0) tileMs.push(now - before);
          tileBytes.push(fileBytes - bytesBefore);
          [before, bytesBefore] = [now, fileBytes];
        };
        parts.push(await countOf(() => session.writePart(part, { onProgress })));
      }
      return { parts, commit: await countOf(() => session.commit()) };
    };
    const tiles = COLUMNS * COLUMNS;
    const one = await run(1, COLUMNS);
    const many = await run(COLUMNS, COLUMNS);
    const few = await run(1, 1);
    const sumOfMany = sum(many.parts);
    const callsOfPart = (sumOfMany - sum(one.parts)) / (COLUMNS - 1);
    return {
      tileMs,
      tileBytes: sum(tileBytes) / tileBytes.length,
      callsOfPart,
      callsOfTile: (sumOfMany - COLUMNS * callsOfPart) / tiles,
      callsOfTileInCommit: (one.commit - few.commit) / (tiles - 1),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Hills with a little noise: what compresses as heights do. */
function terrain(columns: number): RasterSource {
  const width = TILE_PX * columns;
  let state = 1;
  const data = Float32Array.from({ length: width * width }, (_, index) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const [x, y] = [index % width, Math.floor(index / width)];
    const height = 900 * Math.sin(x / 311) * Math.cos(y / 173) + 300 * Math.sin((x + y) / 41);
    return Math.round((height + state / 2 ** 34) * 100) / 100;
  });
  return fromArray({ data, width, height: width });
}
