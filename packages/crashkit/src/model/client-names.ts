/**
 * The names that a machine knows of a disk which others share with it by NFS (nfs(5), DIRECTORY
 * ENTRY CACHING). A name that was looked up once is answered from memory, also that it is missing,
 * until the directory is opened: then its server is asked whether anything has changed in it. What
 * is done to a name (making, renaming, removing it) is done by the server to what it has.
 *
 * The model takes the worst that may be: nothing is ever forgotten by itself, and what an old name
 * leads to can still be opened, since somebody on the server may have it open.
 */
import type { Image, DirectoryNode, ImageNode } from './image.js';

/** What path resolution asks. */
export interface Names {
  node(ino: number): ImageNode;
  /** What a name in a directory leads to. */
  entry(directory: DirectoryNode, name: string): number | undefined;
}

/** The names of one machine. */
export class ClientNames implements Names {
  readonly #live: Image;
  readonly #known = new Map<number, Map<string, number | undefined>>();

  constructor(live: Image) {
    this.#live = live;
  }

  node(ino: number): ImageNode {
    return this.#live.node(ino);
  }

  entry({ ino, entries }: DirectoryNode, name: string): number | undefined {
    const known = this.#known.get(ino) ?? new Map<string, number | undefined>();
    this.#known.set(ino, known);
    if (!known.has(name)) known.set(name, entries.get(name));
    return known.get(name);
  }

  /**
   * What was known of a directory is asked anew: it was opened, or this machine itself has changed
   * it.
   */
  forget(ino: number): void {
    this.#known.delete(ino);
  }

  /** One name in it is asked anew: the server is about to do something to it. */
  forgetName(ino: number, name: string): void {
    this.#known.get(ino)?.delete(name);
  }
}
