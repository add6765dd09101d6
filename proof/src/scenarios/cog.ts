/** What is explored of writeCog: a first write, one that replaces, and one that takes what spoke of the old file with it. */
import { type ScenarioAt, scenarioOfSteps } from '@holdfast/crashkit';
import type * as raster from '@holdfast/raster';
import type { Fs } from 'holdfast/os';

const SIDE_PX = 32;

function write(api: typeof raster, fs: Fs, path: string, value: number): Promise<unknown> {
  const data = new Uint8Array(SIDE_PX * SIDE_PX).fill(value);
  const source = api.fromArray({ data, width: SIDE_PX, height: SIDE_PX });
  const how = { blockSizePx: 16, overviews: [2], compression: 'none', concurrency: 1 } as const;
  return api.writeCog(path, source, { ...how, ifExists: 'replace', fs });
}

/** The samples that a reader finds, of the raster and its overview, which must all be of one write. */
async function see(api: typeof raster, fs: Fs, path: string): Promise<string> {
  if (!(await fs.exists(path))) return '(none)';
  const values = new Set<unknown>();
  for (const overview of [undefined, 0]) {
    const file = await api.fromGeoTiff(path, { fs, overview });
    const { widthPx, heightPx } = file.info;
    const { data } = await file.read({ xPx: 0, yPx: 0, widthPx, heightPx });
    for (const value of data) values.add(value);
    await file.close();
  }
  return [...values].join(' and ');
}

/** The scenarios, by the rest of their names. */
export function cogScenarios(
  api: typeof raster,
): Readonly<Record<string, (name: string) => ScenarioAt>> {
  const writes =
    (before: readonly number[], values: readonly number[]) =>
    (name: string): ScenarioAt =>
    (root) => {
      const path = `${root}/out.tif`;
      return scenarioOfSteps({
        name,
        root,
        setup: async (fs) => {
          for (const value of before) await write(api, fs, path, value);
        },
        steps: values.map((value) => ({
          label: `write ${value}`,
          call: (fs) => write(api, fs, path, value),
        })),
        observe: (fs) => see(api, fs, path),
        nextRun: async (fs) => {
          await write(api, fs, path, 99);
        },
      });
    };
  return { 'writeCog: first': writes([], [1]), 'writeCog: replace twice': writes([1], [2, 3]) };
}
