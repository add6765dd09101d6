/**
 * The latest commits of an object, in its metadata: by them a writer whose answer was lost finds
 * out whether it has written, also when others have written since.
 *
 * The list begins with a mark of what its first commit was made from: `@` of nothing, `@<etag>` of
 * an object without a list; then come the ids of the commits in their order, of which the oldest
 * are dropped. A writer whose own base is in the list knows every commit since; if its own is not
 * among them, it has not taken place.
 */
import type { FoundObject } from '../store/object-store.js';

/** The name in the metadata. */
const NAME = 'holdfast';

/**
 * As long a list as S3 allows: 2 KB for all metadata of an object, names too, less a margin. 13
 * characters an entry.
 */
const LENGTH = 96;
const METADATA_BYTES = 2000;

const ENTRY = /^(@[\w-]*|[\w-]{12})$/;

/** The commits that led to an object. */
export class History {
  readonly #entries: readonly string[];

  private constructor(entries: readonly string[]) {
    this.#entries = entries;
  }

  /**
   * The history of what is there.
   *
   * @param nonce - the id at the end of its body; `undefined` where the format has none
   */
  static of(
    found: Pick<FoundObject, 'etag' | 'metadata'> | undefined,
    nonce?: { readonly id: string | undefined },
  ): History {
    if (found === undefined) return new History(['@']);
    const entries = (found.metadata[NAME] ?? '').split(',');
    // Somebody else has written the body, and kept the metadata.
    const isOfBody = nonce === undefined || nonce.id === entries.at(-1);
    if (isOfBody && entries.every((entry) => ENTRY.test(entry))) return new History(entries);
    return new History([`@${found.etag.replaceAll(/[^\w-]/g, '')}`]);
  }

  /** What stands for this state in the histories that come of it. */
  get mark(): string {
    return this.#entries.at(-1) as string;
  }

  has(mark: string): boolean {
    return this.#entries.includes(mark);
  }

  /** The metadata of a commit that is made from this state. */
  followedBy(
    id: string,
    metadata: Readonly<Record<string, string>>,
  ): Readonly<Record<string, string>> {
    const entries = [...this.#entries, id].slice(-LENGTH);
    const others = Object.entries(metadata).filter(([name]) => name !== NAME);
    const room = METADATA_BYTES - NAME.length - others.join('').length;
    while (entries.length > 2 && entries.join(',').length > room) entries.shift();
    return { ...metadata, [NAME]: entries.join(',') };
  }
}
