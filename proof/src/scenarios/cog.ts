/** What is explored of writeCog and indexTiles: a first write, and some that replace. */
import { type ScenarioAt, scenarioOfSteps } from '@holdfast/crashkit';
import type * as raster from '@holdfast/raster';
import { recover } from 'holdfast';
import type { Fs } from 'holdfast/os';
import { seeFile } from './reading.js';

const SIDE_PX = 32;

function write(api: typeof raster, fs: Fs, path: string, value: number): Promise<unknown> {
  const data = new Uint8Array(SIDE_PX * SIDE_PX).fill(value);
  const transform = [0, 1, 0, 0, 0, -1] as const;
  const source = api.fromArray({ data, width: SIDE_PX, height: SIDE_PX, transform });
  const how = { blockSizePx: 16, overviews: [2], compression: 'none', concurrency: 1 } as const;
  return api.writeCog(path, source, { ...how, ifExists: 'replace', fs });
}

/**
 * The samples that a reader finds, of the raster and its overview, which must all be of one write.
 */
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
  return {
    'writeCog: first': writes([], [1]),
    'writeCog: replace twice': writes([1], [2, 3]),
    'indexTiles: replace': (name) => indexes(api, name),
    'indexTiles: replace with its item': (name) => indexesWithItem(api, name),
  };
}

/** An index of one tile becomes that of another. */
function indexes(api: typeof raster, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/all.vrt`;
    const index = (fs: Fs, value: number): Promise<unknown> =>
      api.indexTiles(path, [`${root}/${value}.tif`], { ifExists: 'replace', fs });
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        for (const value of [1, 2, 3]) await write(api, fs, `${root}/${value}.tif`, value);
        await index(fs, 1);
      },
      steps: [2, 3].map((value) => ({ label: `index ${value}`, call: (fs) => index(fs, value) })),
      observe: (fs) => seeIndex(api, fs, path),
      nextRun: async (fs) => {
        await index(fs, 1);
      },
    });
  };
}

async function seeIndex(api: typeof raster, fs: Fs, path: string): Promise<string> {
  const mosaic = await api.openVrt(path, { fs });
  try {
    const { data } = await mosaic.read();
    return [...new Set(data as Uint8Array)].join(' and ');
  } finally {
    await mosaic.close();
  }
}

/** An index of one tile with its item becomes that of another. */
function indexesWithItem(api: typeof raster, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/all.vrt`;
    const index = (fs: Fs, value: number): Promise<unknown> => {
      const stac = { id: `item ${value}`, datetime: new Date(0) };
      return api.indexTiles(path, [`${root}/${value}.tif`], { ifExists: 'replace', stac, fs });
    };
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        for (const value of [1, 2]) await write(api, fs, `${root}/${value}.tif`, value);
        await index(fs, 1);
      },
      steps: [{ label: 'index 2', call: (fs) => index(fs, 2) }],
      recover: async (fs) => {
        await recover(root, { fs });
      },
      observe: async (fs) => {
        const { problems } = await api.verifyVrt(path, { fs });
        const told = problems.map(({ kind }) => kind);
        const item = /item \d/u.exec(await seeFile(fs, `${path}.stac.json`))?.[0];
        return [await seeIndex(api, fs, path), item, ...told].join(', ');
      },
      nextRun: async (fs) => {
        await index(fs, 1);
      },
    });
  };
}
