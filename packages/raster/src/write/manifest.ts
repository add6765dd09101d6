/**
 * The manifest of a tiles directory, `holdfast-tiles.json`: proof that the directory is ours, and
 * what lies in it.
 *
 * It is JSON with one tile a line, so that a person can read it and 100,000 tiles can be written as
 * a stream. The generation is a digest of the tiles' names, sizes and checksums: the same tiles
 * always have the same generation, and other tiles never do.
 */
import { createHash } from 'node:crypto';

/** The name of the manifest in its directory. */
export const manifestName = 'holdfast-tiles.json';

/** One file of a tiles directory. */
export interface ManifestTile {
  readonly name: string;
  readonly sizeBytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
}

export interface Manifest {
  readonly generation: string;
  readonly tiles: readonly ManifestTile[];
}

const FORMAT = 'holdfast-tiles';
const VERSION = 1;
/** Half of a SHA-256: as good against accident, and short enough to read out. */
const GENERATION_DIGITS = 32;
/** A million tiles with long names; a larger file is none of ours. */
export const MOST_MANIFEST_BYTES: number = 256 * 1024 * 1024;
const PIECE_CHARACTERS = 64 * 1024;

/** The generation of tiles, given in order. */
export function generationOf(tiles: Iterable<ManifestTile>): string {
  const hash = createHash('sha256');
  for (const { name, sizeBytes, sha256 } of tiles) hash.update(`${name} ${sizeBytes} ${sha256}\n`);
  return hash.digest('hex').slice(0, GENERATION_DIGITS);
}

/** The name of the file that ends in this way. */
export function nameEnding({ tiles }: Manifest, ending: string): string | undefined {
  return tiles.find(({ name }) => name.endsWith(ending))?.name;
}

/** The manifest as UTF-8, in pieces. */
export async function* manifestBytes(manifest: Manifest): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const head = { format: FORMAT, version: VERSION, generation: manifest.generation };
  let piece = `${JSON.stringify(head).slice(0, -1)},"tiles":[`;
  let separator = '\n';
  for (const { name, sizeBytes, sha256 } of manifest.tiles) {
    piece += separator + JSON.stringify({ name, sizeBytes, sha256 });
    separator = ',\n';
    if (piece.length < PIECE_CHARACTERS) continue;
    yield encoder.encode(piece);
    piece = '';
  }
  yield encoder.encode(`${piece}\n]}\n`);
}

/** Reads a manifest; `undefined` for anything that we did not write. */
export function parseManifest(text: string): Manifest | undefined {
  const value = parsedObject(text);
  if (value?.['format'] !== FORMAT || value['version'] !== VERSION) return undefined;
  const { generation, tiles } = value;
  if (typeof generation !== 'string' || !Array.isArray(tiles) || !tiles.every(isTile))
    return undefined;
  return { generation, tiles };
}

/** A JSON object, if that is what a text is. */
export function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value says of a file what is known of a tile. */
export function isTile(value: unknown): value is ManifestTile {
  if (typeof value !== 'object' || value === null) return false;
  const { name, sizeBytes, sha256 } = value as Record<string, unknown>;
  return isPlainName(name) && typeof sizeBytes === 'number' && typeof sha256 === 'string';
}

/** Whether a value names something in a directory, and nothing outside of it. */
export function isPlainName(value: unknown): value is string {
  if (typeof value !== 'string' || value === '.' || value === '..') return false;
  return process.platform === 'win32' ? /^[^/\\\0]+$/u.test(value) : /^[^/\0]+$/u.test(value);
}
