/**
 * Checks a mosaic on a web server, by requests for ranges and without any credentials: its index
 * against the checksum in it, and the files that it names against what was written down of them. A
 * server lists nothing, so what else lies there is not known.
 */
import { createHash } from 'node:crypto';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { readFully } from 'holdfast/os';
import { indexLimits, type Mosaic, openVrt } from '../read/open-vrt.js';
import { UnsupportedFeature } from '../read/parse-vrt.js';
import { inOrder } from '../read/read-ahead.js';
import type { RemoteFile } from '../remote/remote-file.js';
import { RemoteFiles } from '../remote/remote-files.js';
import { defaultLimits } from '../source/block-limits.js';
import { ByteBudget } from '../source/byte-budget.js';
import { readGeoTiff } from '../source/geotiff/from-geotiff.js';
import { filesIn } from '../vrt/vrt-text.js';
import {
  generationOf,
  manifestName,
  type ManifestTile,
  MOST_MANIFEST_BYTES,
  parsedObject,
  parseManifest,
} from '../write/manifest.js';
import { judgeShape, MAX_TILE_BYTES, problem, type Shape, shapesOf, tooLarge } from './shape.js';
import type { Problem, VerifyOptions, VerifyReport } from './verify-vrt.js';

/** A mosaic that is replaced each time it is looked at is given up in the end. */
const MOST_TRIES = 5;
/** Files that are looked at side by side. */
const FILES_AT_ONCE = 8;
/** What is asked for at one time of a file that is read whole. */
const PIECE_BYTES = 4 * 2 ** 20;
/** Bytes of tiles that `deep` decodes side by side; a larger one alone. */
const MOST_DECODED_BYTES = 32 * 1024 * 1024;

/** @throws HoldfastError as `verifyVrt` does */
export async function verifyRemote(address: string, options: VerifyOptions): Promise<VerifyReport> {
  let path = '';
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const files = open(address, options);
    ({ path } = files);
    try {
      const text = await textOf(files);
      const report = await look(address, files, text, options);
      if (report.ok) return report;
      // It may have been replaced meanwhile, and its tiles removed.
      if ((await textNow(address, options)) === text) return report;
    } catch (error) {
      if (!isHoldfastError(error, 'TARGET_CHANGED')) throw error;
    } finally {
      await files.close();
    }
  }
  throw new HoldfastError('TARGET_CHANGED', {
    message: 'The mosaic was replaced each time while it was looked at. Look again when it rests.',
    step: 'verify',
    path,
  });
}

function open(address: string, options: VerifyOptions): RemoteFiles {
  const { outside = 'refuse', allowHttp = false, store, signal } = options;
  const { maxIndexBytes, maxBands, maxSources } = { ...indexLimits, ...given(options) };
  const limits = { maxIndexBytes, maxBands, maxSources };
  return new RemoteFiles('verifyVrt', address, { ...limits, outside, allowHttp, store, signal });
}

function given({
  maxIndexBytes,
  maxBands,
  maxSources,
}: VerifyOptions): Partial<typeof indexLimits> {
  const limits = { maxIndexBytes, maxBands, maxSources };
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

async function textNow(address: string, options: VerifyOptions): Promise<string> {
  const files = open(address, options);
  try {
    return await textOf(files);
  } finally {
    await files.close();
  }
}

/** Of a GeoTIFF that stands for itself there is none. */
async function textOf(files: RemoteFiles): Promise<string> {
  return /\.tiff?$/iu.test(files.path) ? '' : files.text();
}

async function look(
  address: string,
  files: RemoteFiles,
  text: string,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { path } = files;
  const problems: Problem[] = [];
  if (isDamaged(text))
    problems.push(problem('damaged index', path, 'its text is not what was written'));
  const mosaic = await openIfWhole(address, path, { options, problems });
  if (!mosaic) return reportOf(path, { problems, known: undefined });
  try {
    const known = await knownFiles(files, mosaic, problems);
    const shapes = shapesOf(mosaic);
    const names = new Set([...mosaic.tilePaths, ...(known?.keys() ?? [])]);
    const { maxBlockBytes = defaultLimits.maxBlockBytes } = options;
    const budgets = {
      tiles: new ByteBudget(MOST_DECODED_BYTES),
      blocks: new ByteBudget(maxBlockBytes),
    };
    let done = 0;
    const check = async (name: string): Promise<Problem | undefined> => {
      options.signal?.throwIfAborted();
      const entry = known?.get(name);
      if (known && !entry)
        return problem('foreign', name, 'the index names it, and the manifest does not list it');
      const isTile = shapes.has(name);
      return checkFile(files, name, { entry, isTile, shape: shapes.get(name), budgets, options });
    };
    await inOrder(names, FILES_AT_ONCE, check, async (_, found) => {
      options.signal?.throwIfAborted();
      if (found) problems.push(found);
      done += 1;
      options.onProgress?.({ done, total: names.size });
    });
    const generation = mosaic.document.metadata.get('HOLDFAST')?.['GENERATION'];
    return reportOf(path, { problems, known, generation, tiles: mosaic.tilePaths.length });
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    const cause: unknown = options.signal.reason;
    const message = 'Verifying was cancelled.';
    throw new HoldfastError('ABORTED', { message, step: 'verify', path, cause });
  } finally {
    await mosaic.close();
  }
}

function reportOf(
  path: string,
  {
    problems,
    known,
    generation,
    tiles = 0,
  }: {
    readonly problems: readonly Problem[];
    readonly known: KnownFiles | undefined;
    readonly generation?: string | undefined;
    readonly tiles?: number;
  },
): VerifyReport {
  const hasChecksums = [...(known?.values() ?? [])].some(({ sha256 }) => sha256 !== '');
  const evidence = hasChecksums ? 'checksums' : 'shapes';
  return { path, ok: problems.length === 0, evidence, generation, tiles, problems, notes: [] };
}

/** Blanks at the end are those by which each commit in a bucket has other bytes. */
function isDamaged(text: string): boolean {
  const found = /<!-- holdfast sha256 ([0-9a-f]{64}) -->\n\s*$/u.exec(text);
  if (!found) return false;
  return createHash('sha256').update(text.slice(0, found.index)).digest('hex') !== found[1];
}

async function openIfWhole(
  address: string,
  path: string,
  { options, problems }: { readonly options: VerifyOptions; readonly problems: Problem[] },
): Promise<Mosaic | undefined> {
  const { outside, maxIndexBytes, maxBands, maxSources, maxBlockBytes, ...how } = options;
  const { store, allowHttp, signal } = how;
  const limits = { maxIndexBytes, maxBands, maxSources, maxBlockBytes };
  try {
    return await openVrt(address, { outside, ...limits, store, allowHttp, signal });
  } catch (error) {
    if (!isHoldfastError(error, 'CORRUPT_DOCUMENT')) throw error;
    if (error.cause instanceof UnsupportedFeature)
      problems.push(problem('not checked', path, error.cause.message));
    else if (problems.length === 0) problems.push(problem('damaged index', path, error.message));
    return undefined;
  }
}

/** What was written down of files, by their addresses. */
type KnownFiles = ReadonlyMap<string, Pick<ManifestTile, 'sizeBytes' | 'sha256'>>;

/** `undefined` of a mosaic that says nothing of its files, or whose manifest is gone. */
async function knownFiles(
  files: RemoteFiles,
  { document }: Mosaic,
  problems: Problem[],
): Promise<KnownFiles | undefined> {
  const addressOf = (filename: string) =>
    files.pathOf(files.path, { filename, relativeToVrt: true });
  const listed = filesIn(document.metadata);
  if (listed)
    return new Map(
      listed.map(({ path, sizeBytes, sha256 = '' }) => [addressOf(path), { sizeBytes, sha256 }]),
    );
  const { GENERATION: generation, TILES: tiles = '' } = document.metadata.get('HOLDFAST') ?? {};
  if (generation === undefined) return undefined;
  const [folder, id] = tiles.split('/generations/');
  const path = addressOf(
    id === undefined ? `${tiles}/${manifestName}` : `${folder}/manifests/${id}.json`,
  );
  const text = await files.textIfThere(path, MOST_MANIFEST_BYTES);
  if (text === undefined) {
    problems.push(problem('missing', path, 'the manifest of the tiles is gone'));
    return undefined;
  }
  const manifest = id === undefined ? parseManifest(text) : undefined;
  const entries = id === undefined ? manifest?.tiles : entriesOf(text, id);
  if (!entries || (manifest && generationOf(manifest.tiles) !== manifest.generation)) {
    problems.push(problem('damaged manifest', path, 'its text is not what was written'));
    return undefined;
  }
  if (manifest && manifest.generation !== generation) {
    const why = `the index wants ${generation}, these tiles are ${manifest.generation}`;
    problems.push(problem('other generation', path, why));
  }
  return new Map(entries.map(({ name, ...facts }) => [addressOf(`${tiles}/${name}`), facts]));
}

/** Those of a manifest of `@holdfast/objectstore`. */
function entriesOf(text: string, generation: string): readonly ManifestTile[] | undefined {
  const { generation: id, files } = parsedObject(text) ?? {};
  if (id !== generation || typeof files !== 'object' || files === null) return undefined;
  const entries = Object.entries(files as Record<string, ManifestTile | null>);
  const isFile = ([, file]: (typeof entries)[0]) =>
    typeof file?.sizeBytes === 'number' && typeof file.sha256 === 'string';
  if (!entries.every((entry) => isFile(entry))) return undefined;
  return entries.map(([name, file]) => ({ ...(file as ManifestTile), name }));
}

/** What a file is held against. */
interface SaidOfFile {
  readonly entry: Pick<ManifestTile, 'sizeBytes' | 'sha256'> | undefined;
  readonly isTile: boolean;
  readonly shape: Shape | undefined;
  readonly budgets: { readonly tiles: ByteBudget; readonly blocks: ByteBudget };
  readonly options: VerifyOptions;
}

async function checkFile(
  files: RemoteFiles,
  path: string,
  { entry, isTile, shape, budgets, options }: SaidOfFile,
): Promise<Problem | undefined> {
  try {
    const file = await files.open(path);
    const found = entry && (await checkBytes(file, entry, options));
    if (found || !isTile) return found;
    const { maxBands, maxBlockBytes } = options;
    const limits = { maxBands, maxBlockBytes, budget: budgets.blocks };
    const tile = await readGeoTiff(path, limits, async () => file);
    // Bytes that are those that were written decode.
    const deep = options.deep === true && (entry?.sha256 ?? '') === '';
    const how = { ...options, deep };
    return await judgeShape(path, tile, { shape, budget: budgets.tiles, options: how });
  } catch (error) {
    if (isHoldfastError(error, 'NOT_FOUND')) return problem('missing', path, 'the file is gone');
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT'))
      return problem('undecodable', path, error.message);
    throw error;
  }
}

async function checkBytes(
  file: RemoteFile,
  entry: Pick<ManifestTile, 'sizeBytes' | 'sha256'>,
  { deep = false, maxTileBytes = MAX_TILE_BYTES, signal }: VerifyOptions,
): Promise<Problem | undefined> {
  const { path } = file;
  const { sizeBytes } = await file.stat();
  if (sizeBytes < entry.sizeBytes)
    return problem('truncated', path, `it has ${sizeBytes} of ${entry.sizeBytes} bytes`);
  if (sizeBytes > entry.sizeBytes) {
    const why = `it has ${sizeBytes} bytes, ${entry.sizeBytes} were written`;
    return problem('too long', path, why);
  }
  if (!deep || entry.sha256 === '') return undefined;
  if (sizeBytes > maxTileBytes) return tooLarge(path, sizeBytes, maxTileBytes);
  const hash = createHash('sha256');
  for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += PIECE_BYTES) {
    signal?.throwIfAborted();
    const piece = new Uint8Array(Math.min(PIECE_BYTES, sizeBytes - offsetBytes));
    await readFully(file, piece, offsetBytes);
    hash.update(piece);
  }
  const isSame = hash.digest('hex') === entry.sha256;
  return isSame ? undefined : problem('changed', path, 'it has the right size and other content');
}
