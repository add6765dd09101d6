/**
 * The nonce at the end of a document: a commit id by which no two commits have the same bytes.
 *
 * `If-Match` guards the ETag of an object, which is the MD5 of its bytes, and not its metadata. A
 * document that went there and back would have the ETag that a late request of long ago still asks
 * for, and that request would undo what came between. With the nonce an ETag that is gone does not
 * come back.
 *
 * In JSON the id is written in blanks and tabs, which RFC 8259 section 2 allows after the value; in
 * formats that have comments it is one. A reader of the format sees neither. What is no text has no
 * nonce.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

/** How a format holds a nonce. */
export type NonceKind = 'blanks' | 'comment' | 'none';

/** 72 bits in base64url. */
const ID_BYTES = 9;
const BLANKS = /^[ \t]{72}$/;
const COMMENT = /^# holdfast ([\w-]{12})$/;

/** No nonce, with its line ends, is longer. */
const TAIL_BYTES = 80;

/** An id that no other commit has. */
export function newCommitId(): string {
  return randomBytes(ID_BYTES).toString('base64url');
}

/**
 * The content with the id at its end: as a line of its own where the content ends in a line end.
 */
export function withNonce(kind: NonceKind, content: Buffer, id: string): Buffer {
  if (kind === 'none') return content;
  const text = kind === 'blanks' ? blanksOf(id) : `# holdfast ${id}`;
  const tail = content.subarray(-2).toString('latin1');
  const end = /\r?\n$/.exec(tail)?.[0];
  if (end !== undefined) return Buffer.concat([content, Buffer.from(text + end)]);
  return Buffer.concat([content, Buffer.from(kind === 'blanks' ? text : `\n${text}`)]);
}

/** The content without its nonce, and the id that this is. */
export function withoutNonce(
  kind: NonceKind,
  body: Buffer,
): { readonly content: Buffer; readonly id: string | undefined } {
  const tail = body.subarray(-TAIL_BYTES).toString('latin1');
  const end = /\r?\n$/.exec(tail)?.[0] ?? '';
  const text = tail.slice(0, tail.length - end.length);
  const line = text.slice(text.lastIndexOf('\n') + 1);
  const id = kind === 'blanks' ? idOfBlanks(line.slice(-72)) : COMMENT.exec(line)?.[1];
  if (kind === 'none' || id === undefined) return { content: body, id: undefined };
  const isOwnLine = end !== '' || kind === 'blanks';
  const nonceBytes = (kind === 'blanks' ? 72 : line.length) + end.length + (isOwnLine ? 0 : 1);
  return { content: body.subarray(0, body.length - nonceBytes), id };
}

function blanksOf(id: string): string {
  const bits = [...Buffer.from(id, 'base64url')].map((byte) => byte.toString(2).padStart(8, '0'));
  return bits.join('').replaceAll('0', ' ').replaceAll('1', '\t');
}

function idOfBlanks(blanks: string): string | undefined {
  if (!BLANKS.test(blanks)) return undefined;
  const bits = blanks.replaceAll(' ', '0').replaceAll('\t', '1');
  const bytes = Array.from({ length: ID_BYTES }, (_, at) =>
    Number.parseInt(bits.slice(at * 8, at * 8 + 8), 2),
  );
  return Buffer.from(bytes).toString('base64url');
}
