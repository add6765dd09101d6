/**
 * What crashkit explores of writeTiledVrt: a first write, an overwrite, and the same again after a crash. It lies here and
 * not in crashkit, which knows nothing above the core.
 */
import { scenarioOfSteps, type ScenarioAt } from '@holdfast/crashkit';
import { fromArray, openVrt, writeTiledVrt } from '@holdfast/raster';
import type { Fs } from 'holdfast/os';

const SIDE_PX = 32;

function write(fs: Fs, path: string, value: number): Promise<unknown> {
  const data = new Uint8Array(SIDE_PX * SIDE_PX).fill(value);
  return writeTiledVrt(path, fromArray({ data, width: SIDE_PX, height: SIDE_PX }), {
    tileSizePx: 16,
    ifExists: 'replace',
    keepPrevious: 0,
    compression: 'none',
    fs,
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

function writes(name: string, before: readonly number[], values: readonly number[]): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        for (const value of before) await write(fs, path, value);
      },
      steps: values.map((value) => ({
        label: `write ${value}`,
        call: (fs) => write(fs, path, value),
      })),
      observe: (fs) => see(fs, path),
      nextRun: async (fs) => {
        await write(fs, path, 99);
      },
    });
  };
}

/** For crashkit, which finds them by name. */
export const scenarios: Readonly<Record<string, ScenarioAt>> = {
  'writeTiledVrt: first': writes('writeTiledVrt: first', [], [1]),
  'writeTiledVrt: overwrite twice': writes('writeTiledVrt: overwrite twice', [1], [2, 3]),
};
