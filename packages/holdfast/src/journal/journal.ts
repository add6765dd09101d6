/**
 * The journal of one commit: which things move where. It holds no data; what it moves was staged
 * and synced before.
 *
 *     holdfast-journal 1 <bytes of the body> <SHA-256 of the body> <first 8 digits of the SHA-256
 *     of this line so far>\n <body: one line of JSON>\n
 *
 * Every change is a *move* of one thing, known by its inode, from one name to another: a staged
 * file onto its target, a removed thing to a name from which it is discarded. So each move can tell
 * from the disk alone whether it was made (the thing is no longer at `from`), and making it twice
 * is making it once. Only inodes are compared: device numbers change when a machine boots.
 *
 * What bytes at the journal's name can be:
 * - *whole*: header, length and checksum agree.
 * - *torn*: a beginning of a journal, or one with zeros where its end should be. A disk that keeps
 *   its promises never shows one, since a journal is synced before it gets its name; nothing was
 *   moved for it, so it is thrown away.
 * - anything else is *damaged* or *foreign*: no crash makes it, so it is refused and left as it is,
 *   byte for byte.
 */
import { crypto } from '../os/lazy-modules.js';
import { isAbsolute, isPlainName } from '../os/paths.js';

/** What a caller asked for, as the report of a recovery names it. */
export const changeKinds = [
  'replaceFile',
  'updateJson',
  'updateFile',
  'publishDirectory',
  'remove',
  'rename',
] as const;

/** What a change of a transaction does. */
export type ChangeKind = (typeof changeKinds)[number];

/** One move. Paths are relative to the root of the transaction, with `/` between the parts. */
export interface Move {
  readonly kind: ChangeKind;
  /** The inode of what moves. */
  readonly inode: bigint;
  readonly from: string;
  readonly to: string;
  /** The inode of what was at `to` when the journal was written; `null` when nothing was. */
  readonly before: bigint | null;
  /**
   * Where what was at `to` goes when the filesystem cannot exchange the two; `null` when nothing
   * was.
   */
  readonly trash: string | null;
}

export interface Journal {
  /** Names the commit in reports and in the names of what is set aside. */
  readonly id: string;
  /**
   * The inode of the root directory: a copy of the directory is not the one that the moves are
   * about.
   */
  readonly root: bigint;
  readonly moves: readonly Move[];
}

/** What the bytes at a journal's name are. */
type ReadJournal =
  | { readonly state: 'whole'; readonly journal: Journal }
  | { readonly state: 'torn' }
  | { readonly state: 'refused'; readonly reason: string };

const MAGIC = 'holdfast-journal 1 ';
const HEADER = /^(holdfast-journal 1 (0|[1-9]\d{0,15}) ([0-9a-f]{64})) ([0-9a-f]{8})\n/;
const HEADER_BEGINNING = /^\d{0,16}( [0-9a-f]{0,64}( [0-9a-f]{0,8})?)?$/;
/** The longest header: the magic, 16 digits, 64 digits, 8 digits, two spaces and the newline. */
const HEADER_BYTES = MAGIC.length + 16 + 64 + 8 + 3;

/** The bytes of a journal. */
export function encodeJournal(journal: Journal): Uint8Array {
  const body = `${JSON.stringify(journal, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )}\n`;
  const header = `${MAGIC}${Buffer.byteLength(body)} ${checksumOf(body)}`;
  return Buffer.from(`${header} ${checksumOf(header).slice(0, 8)}\n${body}`);
}

/** Tells what bytes at a journal's name are. */
export function decodeJournal(bytes: Uint8Array): ReadJournal {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const written = withoutTrailingZeros(buffer);
  const header = HEADER.exec(buffer.toString('latin1', 0, HEADER_BYTES));
  if (!header) return isBeginning(written) ? { state: 'torn' } : refused(stranger(buffer));
  const [line = '', signed = '', size, bodyChecksum, headerChecksum] = header;
  if (!checksumOf(signed).startsWith(headerChecksum ?? '-')) return refused(MISMATCH);
  const end = line.length + Number(size);
  if (buffer.length > end) return refused('it is longer than it says');
  if (written.length < end) return { state: 'torn' };
  const body = buffer.subarray(line.length);
  return checksumOf(body) === bodyChecksum ? decodeBody(body.toString('utf8')) : refused(MISMATCH);
}

function decodeBody(text: string): ReadJournal {
  const journal = journalOf(JSON.parse(text));
  return journal === undefined
    ? refused('it holds what no version of Holdfast writes')
    : { state: 'whole', journal };
}

/**
 * Whether bytes are what is left of a journal whose end never reached the disk: short of its
 * header's end.
 */
function isBeginning(written: Buffer): boolean {
  const text = written.toString('latin1');
  if (text.length <= MAGIC.length) return MAGIC.startsWith(text);
  return text.startsWith(MAGIC) && HEADER_BEGINNING.test(text.slice(MAGIC.length));
}

function stranger(buffer: Buffer): string {
  const version = /^holdfast-journal (\d{1,9}) /.exec(buffer.toString('latin1', 0, HEADER_BYTES));
  return version && version[1] !== '1'
    ? `it is of version ${version[1]}, which this version of Holdfast does not know`
    : 'it is not a journal of Holdfast';
}

function journalOf(value: unknown): Journal | undefined {
  if (!isRecord(value) || typeof value['id'] !== 'string' || !/^[0-9a-f]{16}$/.test(value['id']))
    return undefined;
  const root = inodeOf(value['root']);
  const list: unknown = value['moves'];
  if (root === undefined || !Array.isArray(list)) return undefined;
  const moves = list.map(moveOf);
  return moves.includes(undefined) ? undefined : { id: value['id'], root, moves: moves as Move[] };
}

function moveOf(value: unknown): Move | undefined {
  if (!isRecord(value)) return undefined;
  const kind = changeKinds.find((known) => known === value['kind']);
  const { from, to, trash } = value;
  const inode = inodeOf(value['inode']);
  const before = value['before'] === null ? null : inodeOf(value['before']);
  if (kind === undefined || inode === undefined || before === undefined) return undefined;
  if (!isInside(from) || !isInside(to) || !(trash === null || isInside(trash))) return undefined;
  return { kind, inode, from, to, before, trash };
}

function inodeOf(value: unknown): bigint | undefined {
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? BigInt(value) : undefined;
}

/** Whether a recorded path can only name something below the root. */
function isInside(path: unknown): path is string {
  if (typeof path !== 'string' || path.includes('\0') || isAbsolute(path)) return false;
  return path.split('/').every(isPlainName);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutTrailingZeros(buffer: Buffer): Buffer {
  let end = buffer.length;
  while (end > 0 && buffer[end - 1] === 0) end -= 1;
  return buffer.subarray(0, end);
}

const MISMATCH = 'its checksum does not match';

function checksumOf(data: string | Uint8Array): string {
  return crypto().createHash('sha256').update(data).digest('hex');
}

function refused(reason: string): ReadJournal {
  return { state: 'refused', reason };
}
