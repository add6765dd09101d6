/**
 * What is explored of the raster package (writeCog: cog.ts). Of writeTiledVrt: a first write, an
 * overwrite, the retirement of old tiles, a write that is resumed, and the same again after a
 * crash.
 */
import { interceptFs, type ScenarioAt, scenarioOfSteps } from '@holdfast/crashkit';
import * as raster from '@holdfast/raster';
import type { RasterSource, WriteOptions } from '@holdfast/raster';
import type { Fs } from 'holdfast/os';
import { cogScenarios } from './cog.js';

/** The calls of the raster package, or of a copy with a step taken out. */
type RasterApi = typeof raster;

const SIDE_PX = 32;

function sourceOf(value: number): RasterSource {
  const data = new Uint8Array(SIDE_PX * SIDE_PX).fill(value);
  return raster.fromArray({ data, width: SIDE_PX, height: SIDE_PX });
}

function write(
  api: RasterApi,
  fs: Fs,
  path: string,
  source: RasterSource,
  options: WriteOptions = {},
): Promise<unknown> {
  return api.writeTiledVrt(path, source, {
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
async function see(api: RasterApi, fs: Fs, path: string): Promise<string> {
  if (!(await fs.exists(path))) return '(none)';
  const mosaic = await api.openVrt(path, { fs });
  try {
    const { data } = await mosaic.read();
    return [...new Set(data as Uint8Array)].join(' and ');
  } finally {
    await mosaic.close();
  }
}

function writes(
  api: RasterApi,
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
        for (const value of before) await write(api, fs, path, sourceOf(value), options);
      },
      steps: values.map((value) => ({
        label: `write ${value}`,
        call: (fs) => write(api, fs, path, sourceOf(value), options),
      })),
      observe: (fs) => see(api, fs, path),
      nextRun: async (fs) => {
        await write(api, fs, path, sourceOf(99));
      },
      ...(options.keepPrevious && { mayStay: isTiles }),
    });
  };
}

async function mustSee(api: RasterApi, fs: Fs, path: string, value: string): Promise<void> {
  const seen = await see(api, fs, path);
  if (seen !== value) throw new Error(`a reader sees ${seen}`);
}

/**
 * A crash may leave the number of a tiles directory unused, so that the next one has a higher
 * number.
 */
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
function resumed(api: RasterApi, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        await write(api, fs, path, sourceOf(1));
        await write(api, fs, path, failing(2), { resume: true }).catch(() => undefined);
      },
      steps: [
        { label: 'resume', call: (fs) => write(api, fs, path, sourceOf(2), { resume: true }) },
        { label: 'again', call: (fs) => write(api, fs, path, sourceOf(3), { resume: true }) },
      ],
      observe: (fs) => see(api, fs, path),
      nextRun: async (fs) => {
        await write(api, fs, path, sourceOf(99));
        const left = await api.recoverVrt(path, { fs, dryRun: true });
        if (left.length > 0) throw new Error(`left over: ${JSON.stringify(left)}`);
      },
      mayStay: isTiles,
    });
  };
}

/** A mosaic gets overviews: it has the same samples all the time, and what it names is there. */
function overviewsAdded(api: RasterApi, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    const how = { compression: 'none', keepPrevious: 0 } as const;
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        await write(api, fs, path, sourceOf(1));
      },
      steps: [
        { label: 'add', call: (fs) => api.addOverviews(path, { ...how, overviews: [4], fs }) },
      ],
      observe: async (fs) => {
        const { problems } = await api.verifyVrt(path, { fs });
        const mosaic = await api.openVrt(path, { fs });
        const factors = mosaic.document.metadata.get('HOLDFAST')?.['OVERVIEWS'] ?? 'none';
        await mosaic.close();
        return `${await see(api, fs, path)}, overviews ${factors}, ${problems.length} problems`;
      },
      nextRun: async (fs) => {
        await write(api, fs, path, sourceOf(99));
      },
    });
  };
}

/** Two writers of one mosaic: the later one replaces what the first one wrote. */
function sideBySide(api: RasterApi, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return {
      name,
      root,
      engines: ['model', 'race', 'kill'],
      async run(world) {
        const writeIn = async (fs: Fs, value: number): Promise<void> => {
          await write(api, fs, path, sourceOf(value));
          world.acknowledge(`wrote ${value}`);
        };
        await Promise.all([writeIn(world.fs, 1), writeIn(world.newProcess(), 2)]);
      },
      async check(fs, acknowledged) {
        const seen = await see(api, fs, path);
        const allowed = acknowledged.length > 0 ? ['1', '2'] : ['1', '2', '(none)'];
        if (!allowed.includes(seen)) throw new Error(`a reader sees ${seen}`);
        await write(api, fs, path, sourceOf(99));
        const names = (await fs.readDirectory(root)).map((entry) => entry.name);
        const left = names.filter((each) => /tiles|staging/.test(each));
        if (left.length !== 1) throw new Error(`left over after the next run: ${left.join(', ')}`);
      },
    };
  };
}

/** A reader who opened the old mosaic reads it to the end, though nobody keeps previous ones. */
function readMeanwhile(api: RasterApi, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return {
      name,
      root,
      engines: ['race'],
      setup: async (fs) => {
        await write(api, fs, path, sourceOf(1));
      },
      async run(world) {
        const reader = world.newProcess();
        const mosaic = await api.openVrt(path, { fs: reader });
        await mosaic.read({ xPx: 0, yPx: 0, widthPx: 1, heightPx: 1 });
        await write(api, world.fs, path, sourceOf(2));
        const { data } = await mosaic.read();
        await mosaic.close();
        const seen = [...new Set(data as Uint8Array)].join(' and ');
        if (seen !== '1') throw new Error(`the reader of the old mosaic sees ${seen}`);
      },
      async check(fs) {
        await mustSee(api, fs, path, '2');
      },
    };
  };
}

/**
 * Between the publish of the tiles and that of the index no index names the tiles, and yet nobody
 * may remove them.
 */
function recoverMeanwhile(api: RasterApi, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return {
      name,
      root,
      engines: ['race'],
      async run(world) {
        const recover = (): Promise<unknown> =>
          api.recoverVrt(path, { fs: world.fs, discard: true }).catch(() => 'LOCK_TIMEOUT');
        const writer = interceptFs(world.newProcess(), {
          before: (call) =>
            call.name === 'rename' && call.args[1] === path ? { waitsFor: recover() } : undefined,
        });
        await write(api, writer, path, sourceOf(1));
      },
      async check(fs) {
        await mustSee(api, fs, path, '1');
      },
    };
  };
}

/**
 * Another program puts an older index back after each write, as GDAL does; then recovery is asked
 * for, and may die.
 */
function broughtBack(api: RasterApi, name: string): ScenarioAt {
  return (root) => {
    const path = `${root}/out.vrt`;
    return scenarioOfSteps({
      name,
      root,
      setup: async (fs) => {
        await write(api, fs, path, sourceOf(1));
        const old = await contentOf(fs, path);
        await write(api, fs, path, sourceOf(2), { keepPrevious: 1 });
        const file = await fs.open(path, { access: 'write', truncate: true });
        await file.write(old, 0);
        await file.sync();
        await file.close();
      },
      steps: [{ label: 'recover', call: (fs) => api.recoverVrt(path, { fs }) }],
      observe: (fs) => see(api, fs, path),
      nextRun: async (fs) => {
        await api.recoverVrt(path, { fs });
        await mustSee(api, fs, path, '2');
        // A staged record of a recovery that died goes with the next write.
        await write(api, fs, path, sourceOf(99));
      },
    });
  };
}

async function contentOf(fs: Fs, path: string): Promise<Uint8Array> {
  const file = await fs.open(path, { access: 'read' });
  try {
    const { sizeBytes } = await file.stat();
    const bytes = new Uint8Array(sizeBytes);
    await file.read(bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

/** For crashkit, which finds them by name; also those of a copy of the package. */
export function scenariosOf(api: RasterApi): Readonly<Record<string, ScenarioAt>> {
  const makers: Readonly<Record<string, (name: string) => ScenarioAt>> = {
    'writeTiledVrt: first': (name) => writes(api, name, [], [1]),
    'writeTiledVrt: overwrite twice': (name) => writes(api, name, [1], [2, 3]),
    'writeTiledVrt: retire all but one': (name) =>
      writes(api, name, [1, 2], [3], { keepPrevious: 1 }),
    'writeTiledVrt: overviews': (name) => writes(api, name, [1], [2], { overviews: [2, 4] }),
    'writeTiledVrt: resume': (name) => resumed(api, name),
    'recoverVrt: an index that was put back': (name) => broughtBack(api, name),
    'writeTiledVrt: two processes': (name) => sideBySide(api, name),
    'writeTiledVrt: while somebody recovers': (name) => recoverMeanwhile(api, name),
    'writeTiledVrt: while somebody reads': (name) => readMeanwhile(api, name),
    'addOverviews: replace': (name) => overviewsAdded(api, name),
    ...cogScenarios(api),
  };
  return Object.fromEntries(Object.entries(makers).map(([name, make]) => [name, make(name)]));
}

export const scenarios: Readonly<Record<string, ScenarioAt>> = scenariosOf(raster);
