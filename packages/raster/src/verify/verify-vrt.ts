/**
 * Finds what is wrong with a mosaic that should still be as it was written: a missing, cut, changed, swapped or foreign
 * tile, and a damaged index. Nothing is changed.
 *
 * A mosaic of ours says what it should be: the index ends with its own checksum and names the generation of its tiles,
 * and the manifest beside the tiles has the size and checksum of each. A mosaic by others says only where its tiles are
 * and how large; `deep` then decodes every pixel, which finds what does not decode.
 */
import { basename, dirname, join } from 'node:path';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions } from 'holdfast/options';
import { errnoOf, nodeFileSystem, type Fs } from 'holdfast/os';
import type { Window } from '../model.js';
import { openVrt, type Mosaic } from '../read/open-vrt.js';
import { fromGeoTiff } from '../source/geotiff/from-geotiff.js';
import { digestFile, type FileDigest, readPieces } from '../write/file-digest.js';
import {
  generationOf,
  manifestName,
  parseManifest,
  type Manifest,
  type ManifestTile,
} from '../write/manifest.js';
import { checkIndexDigest } from './index-digest.js';

/** What can be wrong. */
export type ProblemKind =
  | 'damaged index'
  | 'damaged manifest'
  | 'other generation'
  | 'missing'
  | 'truncated'
  | 'too long'
  | 'changed'
  | 'swapped'
  | 'foreign'
  | 'wrong shape'
  | 'undecodable';

/** One thing that is wrong, and where. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly path: string;
  /** A sentence for a person. */
  readonly message: string;
}

export interface VerifyOptions {
  /** Decodes every tile as well; `false` by default. */
  readonly deep?: boolean;
  /** Whether tiles outside the folder of the index may be read; `refuse` by default. */
  readonly outside?: 'refuse' | 'allow';
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs;
}

export interface VerifyReport {
  readonly path: string;
  /** True when nothing is wrong, as far as was looked. */
  readonly ok: boolean;
  /** How much the mosaic says about itself: `checksums` for ours, `shapes` for those of others. */
  readonly evidence: 'checksums' | 'shapes';
  readonly generation: string | undefined;
  readonly tiles: number;
  readonly problems: readonly Problem[];
}

/** Side of the windows in which `deep` decodes. */
const DECODE_PX = 1024;

/**
 * Checks a mosaic. What is wrong is in the report; only what keeps it from looking at all is an error.
 *
 * @throws HoldfastError NOT_FOUND without an index; PATH_ESCAPES; ABORTED; IO
 */
export async function verifyVrt(path: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  checkOptions('verifyVrt', options, ['deep', 'outside', 'signal', 'onProgress', 'fs']);
  const fs = options.fs ?? nodeFileSystem;
  const problems: Problem[] = [];
  const digest = await checkIndexDigest(fs, path);
  if (digest === 'damaged') {
    problems.push(problem('damaged index', path, 'its text is not what was written'));
  }
  const mosaic = await openIfWhole(path, fs, options, problems);
  if (!mosaic) return report(path, undefined, undefined, 0, problems);
  try {
    const generation = mosaic.document.metadata.get('HOLDFAST')?.['GENERATION'];
    if (generation !== undefined && digest === 'unknown') {
      const why = 'its last line, the checksum, is gone: it was cut, or another program rewrote it';
      problems.push(problem('damaged index', path, why));
    }
    const manifests =
      generation === undefined ? undefined : await readManifests(fs, mosaic, problems);
    if (manifests) checkGeneration(generation, manifests, problems);
    await checkTiles(fs, mosaic, manifests, options, problems);
    await checkOthers(fs, mosaic, manifests, options, problems);
    return report(path, generation, manifests, mosaic.tilePaths.length, problems);
  } finally {
    await mosaic.close();
  }
}

/** The manifest of each folder that holds tiles, by the folder. */
type Manifests = ReadonlyMap<string, Manifest>;

function report(
  path: string,
  generation: string | undefined,
  manifests: Manifests | undefined,
  tiles: number,
  problems: readonly Problem[],
): VerifyReport {
  const evidence = manifests && manifests.size > 0 ? 'checksums' : 'shapes';
  return { path, ok: problems.length === 0, evidence, generation, tiles, problems };
}

async function openIfWhole(
  path: string,
  fs: Fs,
  options: VerifyOptions,
  problems: Problem[],
): Promise<Mosaic | undefined> {
  try {
    return await openVrt(path, { fs, outside: options.outside ?? 'refuse' });
  } catch (error) {
    if (!isHoldfastError(error, 'CORRUPT_DOCUMENT')) throw error;
    if (problems.length === 0) problems.push(problem('damaged index', path, error.message));
    return undefined;
  }
}

async function readManifests(fs: Fs, mosaic: Mosaic, problems: Problem[]): Promise<Manifests> {
  const manifests = new Map<string, Manifest>();
  for (const folder of new Set(mosaic.tilePaths.map((tile) => dirname(tile)))) {
    const path = join(folder, manifestName);
    const manifest = await readManifest(fs, path, problems);
    if (!manifest) continue;
    manifests.set(folder, manifest);
    await findForeign(fs, folder, manifest, problems);
  }
  return manifests;
}

async function readManifest(
  fs: Fs,
  path: string,
  problems: Problem[],
): Promise<Manifest | undefined> {
  try {
    const pieces: Uint8Array[] = [];
    await readPieces(fs, path, (piece) => pieces.push(piece.slice()));
    const manifest = parseManifest(Buffer.concat(pieces).toString('utf8'));
    if (manifest && generationOf(manifest.tiles) === manifest.generation) return manifest;
    problems.push(problem('damaged manifest', path, 'its text is not what was written'));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw ioFailure(path, error);
    problems.push(problem('missing', path, 'the manifest of the tiles is gone'));
  }
  return undefined;
}

function checkGeneration(
  generation: string | undefined,
  manifests: Manifests,
  problems: Problem[],
): void {
  for (const [folder, manifest] of manifests) {
    if (manifest.generation === generation) continue;
    problems.push(
      problem(
        'other generation',
        folder,
        `the index wants ${generation}, these tiles are ${manifest.generation}`,
      ),
    );
  }
}

async function findForeign(
  fs: Fs,
  folder: string,
  manifest: Manifest,
  problems: Problem[],
): Promise<void> {
  const known = new Set([manifestName, ...manifest.tiles.map((tile) => tile.name)]);
  for (const { name } of await fs.readDirectory(folder)) {
    if (known.has(name)) continue;
    problems.push(problem('foreign', join(folder, name), 'the manifest does not list it'));
  }
}

async function checkTiles(
  fs: Fs,
  mosaic: Mosaic,
  manifests: Manifests | undefined,
  options: VerifyOptions,
  problems: Problem[],
): Promise<void> {
  const shapes = shapesOf(mosaic);
  const total = mosaic.tilePaths.length;
  for (const [done, tilePath] of mosaic.tilePaths.entries()) {
    throwIfAborted(options.signal, mosaic.path);
    const manifest = manifests?.get(dirname(tilePath));
    const found =
      (manifest && (await checkBytes(fs, tilePath, manifest))) ??
      (await checkShape(fs, tilePath, shapes.get(tilePath), options));
    if (found) problems.push(found);
    options.onProgress?.({ done: done + 1, total });
  }
}

/** The files of a manifest that the index does not name among its tiles: overviews. */
async function checkOthers(
  fs: Fs,
  mosaic: Mosaic,
  manifests: Manifests | undefined,
  { signal }: VerifyOptions,
  problems: Problem[],
): Promise<void> {
  const tilePaths = new Set(mosaic.tilePaths);
  for (const [folder, manifest] of manifests ?? []) {
    for (const { name } of manifest.tiles) {
      throwIfAborted(signal, mosaic.path);
      const path = join(folder, name);
      const found = tilePaths.has(path) ? undefined : await checkBytes(fs, path, manifest);
      if (found) problems.push(found);
    }
  }
}

/** Compares a tile with its entry in the manifest: its size first, which costs nothing to read. */
async function checkBytes(fs: Fs, path: string, manifest: Manifest): Promise<Problem | undefined> {
  const entry = manifest.tiles.find((tile) => tile.name === basename(path));
  if (!entry)
    return problem('foreign', path, 'the index names it, and the manifest does not list it');
  try {
    const digest = await digestFile(fs, path);
    return digest.sha256 === entry.sha256 ? undefined : wrongBytes(path, digest, entry, manifest);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return problem('missing', path, 'the tile is gone');
    throw ioFailure(path, error);
  }
}

function wrongBytes(
  path: string,
  { sizeBytes, sha256 }: FileDigest,
  entry: ManifestTile,
  manifest: Manifest,
): Problem {
  const other = manifest.tiles.find((tile) => tile.sha256 === sha256);
  if (other) return problem('swapped', path, `it holds what ${other.name} should hold`);
  if (sizeBytes < entry.sizeBytes) {
    return problem('truncated', path, `it has ${sizeBytes} of ${entry.sizeBytes} bytes`);
  }
  if (sizeBytes > entry.sizeBytes) {
    return problem('too long', path, `it has ${sizeBytes} bytes, ${entry.sizeBytes} were written`);
  }
  return problem('changed', path, 'it has the right size and other content');
}

/** What the index says of a tile. */
interface Shape {
  readonly widthPx: number | undefined;
  readonly heightPx: number | undefined;
  readonly dataType: string;
}

function shapesOf(mosaic: Mosaic): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  const { dataType } = mosaic.info;
  for (const { filename, fileWidthPx, fileHeightPx } of mosaic.document.bands.flatMap(
    (band) => band.sources,
  )) {
    const tilePath = mosaic.tilePathOf(filename);
    shapes.set(tilePath, { widthPx: fileWidthPx, heightPx: fileHeightPx, dataType });
  }
  return shapes;
}

async function checkShape(
  fs: Fs,
  path: string,
  shape: Shape | undefined,
  options: VerifyOptions,
): Promise<Problem | undefined> {
  try {
    const tile = await fromGeoTiff(path, { fs });
    try {
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
      if (options.deep) await decodeAll(tile, options.signal);
      return undefined;
    } finally {
      await tile.close();
    }
  } catch (error) {
    if (isHoldfastError(error, 'NOT_FOUND')) return problem('missing', path, 'the tile is gone');
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT'))
      return problem('undecodable', path, error.message);
    throw error;
  }
}

async function decodeAll(
  tile: Awaited<ReturnType<typeof fromGeoTiff>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const window of windowsOf(tile.info.widthPx, tile.info.heightPx))
    await tile.read(window, signal);
}

function* windowsOf(widthPx: number, heightPx: number): Generator<Window> {
  for (let yPx = 0; yPx < heightPx; yPx += DECODE_PX) {
    for (let xPx = 0; xPx < widthPx; xPx += DECODE_PX) {
      yield {
        xPx,
        yPx,
        widthPx: Math.min(DECODE_PX, widthPx - xPx),
        heightPx: Math.min(DECODE_PX, heightPx - yPx),
      };
    }
  }
}

function problem(kind: ProblemKind, path: string, message: string): Problem {
  return { kind, path, message };
}

function ioFailure(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('IO', {
    message: 'The file cannot be read.',
    outcome: 'unchanged',
    step: 'verify',
    path,
    cause,
  });
}

function throwIfAborted(signal: AbortSignal | undefined, path: string): void {
  if (!signal?.aborted) return;
  throw new HoldfastError('ABORTED', {
    message: 'Verifying was cancelled.',
    outcome: 'unchanged',
    step: 'verify',
    path,
    cause: signal.reason,
  });
}
