/**
 * Writes the overviews of a mosaic into its stage, once the tiles are there: one Cloud Optimized
 * GeoTIFF, whose raster is the first overview and whose overviews are the others, so that a reader
 * opens one file for all of them. `cog/` makes it, as any other one.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { messageOf } from 'holdfast/errors';
import { HoldfastError, isHoldfastError, type Stage } from 'holdfast';
import { codeOfFailure } from 'holdfast/os';
import { planPlaced } from '../cog/cog-plan.js';
import { withBlocks } from '../cog/write-cog.js';
import type { EncoderPool } from '../encode/encoder-pool.js';
import type { Pixels, RasterInfo, Transform, Window } from '../model.js';
import { Reduction, type Size } from '../overview/downsample.js';
import { type Block, BlockReader } from '../source/block-reader.js';
import { emptyPixels, laidOut } from '../source/lay-out.js';
import { marked } from '../source/mask.js';
import { type Cell, regularGrid } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';
import type { IndexedOverviews } from '../vrt/vrt-text.js';
import type { ManifestTile } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';
import { openStagedTile } from './staged-tile.js';
import { TileParts } from './tile-parts.js';

/** The name of the file in the tiles directory. */
export const overviewsName = 'overviews.tif';

/** What an index says of them. */
export function indexedOverviews(
  { pyramid }: MosaicPlan,
  tilesName: string,
): IndexedOverviews | undefined {
  return pyramid && { factors: pyramid.factors, path: `${tilesName}/${overviewsName}` };
}

/** What overviews are written with. */
interface OverviewWriter {
  readonly plan: MosaicPlan;
  readonly stage: Stage;
  readonly pool: EncoderPool;
}

/**
 * Writes the overviews, if there are to be some.
 *
 * @param parts - what the tiles gave of the first one; without them they are read again
 * @param written - the names of the tiles that were not left out
 */
export async function writeOverviews(
  { plan, stage, pool }: OverviewWriter,
  parts: TileParts | undefined,
  written: ReadonlySet<string>,
): Promise<readonly ManifestTile[]> {
  if (!plan.pyramid) return [];
  const { method, factors } = plan.pyramid;
  const [first, ...others] = factors;
  const { format, skipEmpty, durability, fs } = plan;
  const path = join(stage.path, overviewsName);
  const read = parts?.reader() ?? tilesReduced({ plan, stage }, written);
  const source = firstOverview(plan, path, read);
  const given = { source, path, format, method, skipEmpty, fs };
  const cog = planPlaced(
    { ...given, durability, signal: stage.signal },
    others.map((factor) => factor / first),
  );
  try {
    const directory = dirname(stage.path);
    return [await withBlocks(cog, pool, directory, ({ bytes }) => stageFile(stage, bytes))];
  } catch (error) {
    stage.signal.throwIfAborted();
    throw error;
  }
}

async function stageFile(stage: Stage, bytes: AsyncIterable<Uint8Array>): Promise<ManifestTile> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      hash.update(piece);
      sizeBytes += piece.length;
      yield piece;
    }
  }
  await stage.write(overviewsName, hashed(), { overwrite: stage.resumed });
  return { name: overviewsName, sizeBytes, sha256: hash.digest('hex') };
}

type Read = (window: Window) => Promise<Pixels>;

/** The first overview, as `cog/` reads a raster. */
function firstOverview({ source, pyramid }: MosaicPlan, path: string, read: Read): RasterSource {
  const info = scaledInfo(source.info, pyramid?.factors[0] ?? 1);
  const { widthPx, heightPx } = info;
  return {
    info,
    interleave: source.interleave,
    blocks: regularGrid(widthPx, heightPx, widthPx, heightPx),
    tiling: 'tileSize',
    read: async (window) => {
      try {
        return await read(window);
      } catch (cause) {
        throw isHoldfastError(cause) ? cause : notMade(path, cause);
      }
    },
  };
}

function notMade(path: string, cause: unknown): HoldfastError {
  return new HoldfastError(codeOfFailure(cause), {
    message: `An overview could not be made of the tiles: ${messageOf(cause)}. The mosaic is as it was.`,
    step: 'write',
    path,
    cause,
  });
}

/** Decoded tiles that are kept for pixels that reach over their edges. */
const KEPT_BYTES = 256 * 1024 * 1024;

/** Makes the first overview of the tiles. */
function tilesReduced(
  { plan, stage }: Pick<OverviewWriter, 'plan' | 'stage'>,
  written: ReadonlySet<string>,
): Read {
  const { source, grid, pyramid, fs } = plan;
  const { info, interleave } = source;
  const load = async (cell: Cell): Promise<Block> => {
    const { window } = cell;
    const { widthPx, heightPx } = window;
    const name = plan.tileName(cell);
    if (!written.has(name))
      return { data: emptyPixels({ ...info, widthPx, heightPx }, interleave).data, window };
    const file = await openStagedTile(fs, stage, name);
    try {
      const pixels = await file.read({ xPx: 0, yPx: 0, widthPx, heightPx });
      return { data: laidOut(pixels, interleave).data, window };
    } finally {
      await file.close();
    }
  };
  const keep = { keptBytes: KEPT_BYTES, windowsOverlap: true };
  const reader = new BlockReader({ info, interleave, blocks: grid, load, ...keep });
  const { method = 'average', factors = [1] } = pyramid ?? {};
  const to = scaledInfo(info, factors[0] ?? 1);
  const reduction = new Reduction({ from: info, to, method, nodata: info.nodata });
  return async (window) => {
    const pixels = await reader.read(reduction.needs(window));
    return reduction.make(marked(pixels, info), window);
  };
}

/** Of an overview: its size and place, and what is true of its pixels too. */
function scaledInfo(info: RasterInfo, factor: number): RasterInfo {
  const [widthPx, heightPx] = [Math.ceil(info.widthPx / factor), Math.ceil(info.heightPx / factor)];
  const { georeferencing } = info;
  return {
    ...info,
    widthPx,
    heightPx,
    bands: info.bands.map((band) => ({
      ...band,
      metadata: undefined,
      domains: undefined,
      attributeTable: undefined,
    })),
    domains: undefined,
    gcps: undefined,
    georeferencing: {
      ...georeferencing,
      transform: scaledTransform(info, { widthPx, heightPx }),
    },
    metadata: undefined,
  };
}

/**
 * An overview is stretched over all of the mosaic: by the sizes, which the factor need not divide.
 */
function scaledTransform(
  { widthPx, heightPx, georeferencing }: RasterInfo,
  to: Size,
): Transform | undefined {
  if (!georeferencing.transform) return undefined;
  const [x, a, b, y, d, e] = georeferencing.transform;
  const [across, down] = [widthPx / to.widthPx, heightPx / to.heightPx];
  return [x, a * across, b * down, y, d * across, e * down];
}
