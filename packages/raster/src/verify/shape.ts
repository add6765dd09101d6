/** Whether a tile is what its index says of it, and decodes. */
import { dataTypes, type Window } from '../model.js';
import type { Mosaic } from '../read/open-vrt.js';
import type { ByteBudget } from '../source/byte-budget.js';
import type { OpenedGeoTiff } from '../source/geotiff/from-geotiff.js';
import type { Problem, ProblemKind, VerifyOptions } from './verify-vrt.js';

/** Side of the windows in which `deep` decodes. */
const DECODE_PX = 1024;
/** Samples of one such window at most, of all bands: less of a tile that has many. */
const DECODE_SAMPLES = 2 ** 24;
/** Tiles of a mosaic are a thousandth of that. */
export const MAX_TILE_BYTES: number = 64 * 1024 * 1024 * 1024;

/** What the index says of a tile. */
export interface Shape {
  readonly widthPx: number | undefined;
  readonly heightPx: number | undefined;
  readonly dataType: string | undefined;
}

/** What the index says of each tile, by its path. */
export function shapesOf(mosaic: Mosaic): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const source of mosaic.document.bands.flatMap((band) => band.sources)) {
    const { filename, fileWidthPx: widthPx, fileHeightPx: heightPx, isMask } = source;
    // Of a mask it says nothing of the samples that it is the mask of.
    const dataType = isMask ? undefined : source.fileDataType;
    shapes.set(mosaic.tilePathOf(filename), { widthPx, heightPx, dataType });
  }
  return shapes;
}

/** What is wrong with an opened tile; with `deep` all of it is decoded. */
export async function judgeShape(
  path: string,
  tile: OpenedGeoTiff,
  {
    shape,
    budget,
    options: { deep, maxTileBytes = MAX_TILE_BYTES, signal },
  }: {
    readonly shape: Shape | undefined;
    /** Of what is decoded at one time. */
    readonly budget: ByteBudget;
    readonly options: Pick<VerifyOptions, 'deep' | 'maxTileBytes' | 'signal'>;
  },
): Promise<Problem | undefined> {
  const { widthPx, heightPx, dataType } = tile.info;
  const same =
    (shape?.widthPx ?? widthPx) === widthPx &&
    (shape?.heightPx ?? heightPx) === heightPx &&
    (shape?.dataType ?? dataType) === dataType;
  if (!same) {
    return problem(
      'wrong shape',
      path,
      `it is ${widthPx}x${heightPx} ${dataType}, the index says ${shape?.widthPx}x${shape?.heightPx} ${shape?.dataType}`,
    );
  }
  if (!deep) return undefined;
  const bytes = widthPx * heightPx * tile.info.bands.length * dataTypes[dataType].bytes;
  if (bytes > maxTileBytes) return tooLarge(path, bytes, maxTileBytes);
  await budget.use(bytes, () => decodeAll(tile, signal));
  return undefined;
}

async function decodeAll(tile: OpenedGeoTiff, signal: AbortSignal | undefined): Promise<void> {
  const { widthPx, heightPx, bands } = tile.info;
  const sidePx = Math.min(DECODE_PX, Math.floor(Math.sqrt(DECODE_SAMPLES / bands.length)));
  for (const window of windowsOf(widthPx, heightPx, sidePx)) await tile.read(window, signal);
}

function* windowsOf(widthPx: number, heightPx: number, sidePx: number): Generator<Window> {
  for (let yPx = 0; yPx < heightPx; yPx += sidePx) {
    for (let xPx = 0; xPx < widthPx; xPx += sidePx) {
      yield {
        xPx,
        yPx,
        widthPx: Math.min(sidePx, widthPx - xPx),
        heightPx: Math.min(sidePx, heightPx - yPx),
      };
    }
  }
}

export function tooLarge(path: string, bytes: number, maxTileBytes: number): Problem {
  const message = `it has ${bytes} bytes, over ${maxTileBytes}; raise maxTileBytes if the mosaic is to be trusted`;
  return problem('not checked', path, message);
}

export function problem(kind: ProblemKind, path: string, message: string): Problem {
  return { kind, path, message };
}
