/**
 * Every compression that tiles can have, in one table: its TIFF tag, its levels, and what it needs.
 * Options are checked here, before anything is staged.
 */
import { invalidArgument } from 'holdfast/options';
import { dataTypes, type DataType } from '../model.js';

/** The name of a compression. */
export type CompressionName = 'none' | 'deflate' | 'zstd' | 'lzw' | 'packbits' | 'lz4' | 'lerc';

/** What is known of a compression. */
interface CompressionInfo {
  /** The value of the TIFF `Compression` tag. */
  readonly tag: number;
  readonly levels?: { readonly min: number; readonly max: number; readonly default: number };
  /** Whether a predictor may run before it. */
  readonly predictors: boolean;
  /** Readers other than GDAL or this package may not know it, or it needs a system library. */
  readonly experimental: boolean;
}

/**
 * The compressions. Tags: TIFF 6.0 sections 9, 10 and 13; Adobe TIFF Technical Note 3 (deflate);
 * libtiff's `tiff.h` (zstd 50000, LERC 34887). LZ4 has no registered tag: 50004, one LZ4 frame a
 * block, is xarray-spatial's. Levels are those that every reader's own tools use; libdeflate's 10
 * to 12 are left out since zlib has nothing like them.
 */
export const compressions: Readonly<Record<CompressionName, CompressionInfo>> = {
  none: { tag: 1, predictors: false, experimental: false },
  deflate: {
    tag: 8,
    levels: { min: 1, max: 9, default: 6 },
    predictors: true,
    experimental: false,
  },
  zstd: {
    tag: 50000,
    levels: { min: 1, max: 22, default: 9 },
    predictors: true,
    experimental: false,
  },
  lzw: { tag: 5, predictors: true, experimental: false },
  packbits: { tag: 32773, predictors: false, experimental: false },
  lz4: {
    tag: 50004,
    levels: { min: 0, max: 16, default: 0 },
    predictors: true,
    experimental: true,
  },
  lerc: { tag: 34887, predictors: false, experimental: true },
};

/** The names of all compressions. */
export const compressionNames: readonly CompressionName[] = Object.keys(
  compressions,
) as CompressionName[];

/**
 * The TIFF `Predictor`: 1 none, 2 horizontal differences, 3 floating point; `auto` tries those that
 * fit on a sample of each tile and takes the one that compresses best.
 */
export type Predictor = 1 | 2 | 3 | 'auto';

/** How tiles are to be compressed, as a caller says it. */
export interface CompressionOptions {
  /** `deflate` by default. */
  readonly compression?: CompressionName | undefined;
  /**
   * deflate 1 to 9 (6 by default), zstd 1 to 22 (9), lz4 0 to 16 (0); no other compression has
   * levels.
   */
  readonly level?: number | undefined;
  /** `auto` by default where the compression can have one, else 1. */
  readonly predictor?: Predictor | undefined;
  /** LERC only: how far a value may be off, 0 (lossless) by default. */
  readonly maxZError?: number | undefined;
}

/** How tiles are compressed: checked, and nothing left to default. */
export interface Compression {
  readonly name: CompressionName;
  readonly level: number;
  readonly predictor: Predictor;
  readonly maxZError: number;
}

/**
 * Checks how tiles are to be compressed.
 *
 * @throws HoldfastError INVALID_ARGUMENT: an unknown compression, a level it does not have, a
 *   predictor that does not fit the samples or the compression, an error bound without LERC
 */
export function checkCompression(
  call: string,
  options: CompressionOptions,
  dataType: DataType,
): Compression {
  const name = options.compression ?? 'deflate';
  if (!Object.hasOwn(compressions, name)) {
    const known = compressionNames.join(', ');
    throw invalidArgument(call, `there is no compression '${name}'; there are ${known}.`);
  }
  return {
    name,
    level: checkLevel(call, name, options.level),
    predictor: checkPredictor(call, name, options.predictor, dataType),
    maxZError: checkMaxZError(call, name, options.maxZError, dataType),
  };
}

function checkLevel(call: string, name: CompressionName, level: number | undefined): number {
  const { levels } = compressions[name];
  if (level === undefined) return levels?.default ?? 0;
  if (!levels) throw invalidArgument(call, `compression '${name}' has no levels; leave level out.`);
  if (Number.isInteger(level) && level >= levels.min && level <= levels.max) return level;
  throw invalidArgument(
    call,
    `${name} has levels ${levels.min} to ${levels.max}, not ${String(level)}.`,
  );
}

function checkPredictor(
  call: string,
  name: CompressionName,
  predictor: Predictor | undefined,
  dataType: DataType,
): Predictor {
  const { predictors } = compressions[name];
  if (predictor === undefined) return predictors ? 'auto' : 1;
  if (![1, 2, 3, 'auto'].includes(predictor)) {
    throw invalidArgument(call, `predictor is 1, 2, 3 or 'auto', not ${String(predictor)}.`);
  }
  if (!predictors && predictor === 'auto') return 1;
  if (!predictors && predictor !== 1) {
    throw invalidArgument(call, `compression '${name}' has no predictor but 1.`);
  }
  if (predictor === 3 && dataTypes[dataType].sampleFormat !== 3) {
    throw invalidArgument(
      call,
      `predictor 3 is for floating point, and the samples are ${dataType}.`,
    );
  }
  return predictor;
}

function checkMaxZError(
  call: string,
  name: CompressionName,
  maxZError: number | undefined,
  dataType: DataType,
): number {
  if (name === 'lerc' && dataType.endsWith('int64')) {
    throw invalidArgument(call, `LERC cannot hold ${dataType}.`);
  }
  if (maxZError === undefined) return 0;
  if (name !== 'lerc') throw invalidArgument(call, `maxZError is for LERC, not for '${name}'.`);
  if (Number.isFinite(maxZError) && maxZError >= 0) return maxZError;
  throw invalidArgument(call, `maxZError is a number of 0 or more, not ${String(maxZError)}.`);
}
