/**
 * What the header of a LERC block says (the Lerc 2 format, `Lerc2.h` of Esri's lerc), for a decoder
 * that does not ask.
 */
import { damagedBlock } from './codec.js';

/** The numbers of a block, as `lerc_getBlobInfo` gives them. */
export interface LercInfo {
  readonly type: number;
  readonly depth: number;
  readonly columns: number;
  readonly rows: number;
  readonly bands: number;
  readonly sizeBytes: number;
}

const MAGIC = 'Lerc2 ';
/** Versions with a checksum, and with values of several dimensions. */
const CHECKSUM_SINCE = 3;
const DEPTH_SINCE = 4;
const LATEST = 6;

/** Reads a header. A block of several bands is a row of blocks, of which this is the first. */
export function lercHeader(block: Uint8Array): LercInfo {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const isCut = block.length < 64;
  if (isCut || Buffer.from(block.subarray(0, MAGIC.length)).toString('latin1') !== MAGIC)
    throw damagedBlock('lerc', 'it does not begin as one');
  const version = view.getInt32(6, true);
  if (version < 1 || version > LATEST) throw damagedBlock('lerc', `its version is ${version}`);
  const at = version < CHECKSUM_SINCE ? 10 : 14;
  const hasDepth = version >= DEPTH_SINCE;
  const number = (index: number): number => view.getInt32(at + 4 * index, true);
  const [rows, columns, depth] = [number(0), number(1), hasDepth ? number(2) : 1];
  // Then the number of valid pixels and the size of a micro-block.
  const next = hasDepth ? 5 : 4;
  return { rows, columns, depth, bands: 1, sizeBytes: number(next), type: number(next + 1) };
}
