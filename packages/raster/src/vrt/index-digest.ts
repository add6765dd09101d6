/**
 * The last line of an index of ours is a comment that holds the SHA-256 of everything before it. XML readers pass over
 * it; a program that rewrites the index drops it, and then nobody knows any more whether the text is what was written.
 */

const before = '<!-- holdfast sha256 ';
const after = ' -->\n';

/** The last line of an index, given the digest of all before it in hexadecimal. */
export function digestLine(sha256: string): string {
  return `${before}${sha256}${after}`;
}

/** How many bytes the last line takes. */
export const DIGEST_LINE_BYTES: number = digestLine('0'.repeat(64)).length;

/** The digest that the end of an index holds, if it ends as ours do. */
export function digestInTail(tail: string): string | undefined {
  return /<!-- holdfast sha256 ([0-9a-f]{64}) -->\n$/.exec(tail)?.[1];
}
