/**
 * What an index must know of a tile: read through one descriptor, so that it is all of one file.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { messageOf } from 'holdfast/errors';
import { type Fs, openGiven, readPieces } from 'holdfast/os';
import type { NotCarried, RasterInfo } from '../model.js';
import { readGeoTiff } from '../source/geotiff/from-geotiff.js';
import { readSidecars } from '../source/geotiff/sidecars.js';
import { manifestName } from '../write/manifest.js';
import type { Neighbours } from './neighbours.js';

/** A tile that can be read. */
export interface SeenTile {
  /** As it was given. */
  readonly name: string;
  /** Absolute, with symlinks resolved. */
  readonly path: string;
  readonly info: RasterInfo;
  readonly blockWidthPx: number;
  readonly blockHeightPx: number;
  readonly sizeBytes: number;
  readonly sha256: string | undefined;
  readonly notCarried: readonly NotCarried[];
}

/** One that cannot, or is not to be. */
export interface UnreadableTile {
  readonly name: string;
  readonly why: string;
  readonly error: unknown;
}

interface LookOptions {
  readonly takesChecksums: boolean;
  readonly neighbours: Neighbours;
  readonly signal: AbortSignal;
}

/** Never rejects but for its signal. */
export async function lookAtTile(
  fs: Fs,
  name: string,
  { takesChecksums, neighbours, signal }: LookOptions,
): Promise<SeenTile | UnreadableTile> {
  try {
    const path = await fs.realpath(name);
    const mayBeThere = await neighbours.beside(path);
    if (mayBeThere(manifestName) && (await fs.exists(join(dirname(path), manifestName)))) {
      const why =
        'it is a tile of a mosaic, and goes when that is replaced; tile or index the rasters that the mosaic was made of, or make the mosaic an input of raster tile';
      return { name, why, error: undefined };
    }
    const { handle, stat } = await openGiven(fs, path);
    // Closed by the tile.
    const tile = await readGeoTiff(
      path,
      { fs },
      async () => handle,
      () => readSidecars(fs, path, { mayBeThere }),
    );
    try {
      const { info, storedBlock, notCarried = [] } = tile;
      const hash = createHash('sha256');
      if (takesChecksums)
        for await (const piece of readPieces(handle, stat.sizeBytes)) {
          signal.throwIfAborted();
          hash.update(piece);
        }
      return {
        name,
        path,
        info,
        blockWidthPx: storedBlock.widthPx,
        blockHeightPx: storedBlock.heightPx,
        sizeBytes: stat.sizeBytes,
        sha256: takesChecksums ? hash.digest('hex') : undefined,
        notCarried,
      };
    } finally {
      await tile.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    return { name, why: messageOf(error), error };
  }
}
