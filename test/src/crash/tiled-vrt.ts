/**
 * What crashkit explores of writeTiledVrt: a first write, an overwrite, the retirement of old tiles, a write that is resumed,
 * and the same again after a crash. It lies here and not in crashkit, which knows nothing above the core.
 */
import { scenarioOfSteps, type ScenarioAt } from '@holdfast/crashkit';
import {
  fromArray,
  openVrt,
  type RasterSource,
  recoverVrt,
  type WriteOptions,
  writeTiledVrt,
} from '@holdfast/raster';
import type { Fs } from 'holdfast/os';

const SIDE_PX = 32;

function sourceOf(value: number): RasterSource {
  const data = new Uint8Array(SIDE_PX * SIDE_PX).fill(value);
  return fromArray({ data, width: SIDE_PX, height: SIDE_PX });
}

function write(
  fs: Fs,
  path: string,
  source: RasterSource,
  options: WriteOptions = {},
): Promise<unknown> {
  return writeTiledVrt(path, source, {
    tileSizePx: 16,
    ifExists: 'replace',
    keepPrevious: 0,
    compression: 'none',
    concurrency: 1,
    fs,
    ...options,
  });
}

/** The samples that a reader finds, which must all be of one write. */
async function see(fs: Fs, path: string): Promise<string> {
  if (!(await fs.exists(path))) return '(none)';
  const mosaic = await openVrt(path, { fs });
  try {
    const { data } = await mosaic.read();
    return [...new Set(data as Uint8Array)].join(' and ');
  } finally {
    await mosaic.close();
  }
}

function writes(
  name: string,
  before: readonly number[],
  values: readonly number[],
  options: WriteOptions = {},
): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        for (const value of before) await write(fs, path, sourceOf(value), options);
      },
      steps: values.map((value) => ({
        label: `write ${value}`,
        call: (fs) => write(fs, path, sourceOf(value), options),
      })),
      observe: (fs) => see(fs, path),
      nextRun: async (fs) => {
        await write(fs, path, sourceOf(99));
      },
      ...(options.keepPrevious && { mayStay: isTiles }),
    });
  };
}

/** A crash may leave the number of a tiles directory unused, so that the next one has a higher number. */
function isTiles(path: string): boolean {
  return /\/out_tiles\.\d+(\/|$)/u.test(path);
}

/** Fails at its third tile: a run with `resume` keeps two. */
function failing(value: number): RasterSource {
  const whole = sourceOf(value);
  let reads = 0;
  return {
    ...whole,
    read: async (window, signal) => {
      reads += 1;
      if (reads === 3) throw new Error('the source is gone');
      return whole.read(window, signal);
    },
  };
}

/** A run takes over what another one kept of the same raster, beside a mosaic that is in use. */
function resumed(name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        await write(fs, path, sourceOf(1));
        await write(fs, path, failing(2), { resume: true }).catch(() => undefined);
      },
      steps: [
        { label: 'resume', call: (fs) => write(fs, path, sourceOf(2), { resume: true }) },
        { label: 'again', call: (fs) => write(fs, path, sourceOf(3), { resume: true }) },
      ],
      observe: (fs) => see(fs, path),
      nextRun: async (fs) => {
        await write(fs, path, sourceOf(99));
        const left = await recoverVrt(path, { fs, dryRun: true });
        if (left.length > 0) throw new Error(`left over: ${JSON.stringify(left)}`);
      },
      mayStay: isTiles,
    });
  };
}

/** For crashkit, which finds them by name. */
export const scenarios: Readonly<Record<string, ScenarioAt>> = {
  'writeTiledVrt: first': writes('writeTiledVrt: first', [], [1]),
  'writeTiledVrt: overwrite twice': writes('writeTiledVrt: overwrite twice', [1], [2, 3]),
  'writeTiledVrt: retire all but one': writes('writeTiledVrt: retire all but one', [1, 2], [3], {
    keepPrevious: 1,
  }),
  'writeTiledVrt: overviews': writes('writeTiledVrt: overviews', [1], [2], { overviews: [2, 4] }),
  'writeTiledVrt: resume': resumed('writeTiledVrt: resume'),
};
