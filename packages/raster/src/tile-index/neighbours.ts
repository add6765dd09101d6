/**
 * Names beside tiles. There are some forty under which something could lie that is read with a tile
 * or told of; to ask for each of them costs more than all else that an index does with a tile, and
 * nearly always nothing is there. So the directory of many tiles is listed once, and only what it
 * may have is asked for.
 */
import { dirname } from 'node:path';
import type { Fs } from 'holdfast/os';

/** Whether a name may be in a directory; `false` is certain. */
export type MayBeThere = (name: string) => boolean;

/** So many tiles of a directory are looked at before it is listed: it may have a million others. */
const TILES_BEFORE_LISTING = 32;

/** What is known of a directory. */
interface Known {
  tiles: number;
  listing: Promise<MayBeThere> | undefined;
}

/** Remembers listings for one index. */
export class Neighbours {
  readonly #fs: Fs;
  readonly #directories = new Map<string, Known>();

  constructor(fs: Fs) {
    this.#fs = fs;
  }

  /** What may lie beside a tile. Never rejects: a directory that cannot be listed may hold all. */
  async beside(path: string): Promise<MayBeThere> {
    const directory = dirname(path);
    const known = this.#directories.get(directory) ?? { tiles: 0, listing: undefined };
    this.#directories.set(directory, known);
    known.tiles += 1;
    if (known.tiles <= TILES_BEFORE_LISTING) return anything;
    known.listing ??= this.#list(directory);
    return known.listing;
  }

  async #list(directory: string): Promise<MayBeThere> {
    try {
      const entries = await this.#fs.readDirectory(directory);
      // Nothing that belongs to another file ends so, and there are mostly no others.
      const others = entries.filter(({ name }) => !/\.tiff?$/iu.test(name));
      if (others.length === 0) return nothing;
      const keys = new Set(others.map(({ name }) => keyOf(name)));
      return (name) => keys.has(keyOf(name));
    } catch {
      return anything;
    }
  }
}

const anything: MayBeThere = () => true;
const nothing: MayBeThere = () => false;

/**
 * The same for all names that any filesystem takes for one: other letter cases, other forms of
 * Unicode. More names have one key than must, and these are asked for.
 */
function keyOf(name: string): string {
  if (/^[ -~]*$/u.test(name)) return name.toLowerCase();
  return name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}
