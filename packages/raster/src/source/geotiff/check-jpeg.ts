/**
 * Looks over a JPEG block before it is decoded (ITU-T T.81, annex B): whether its segments lie one
 * after another inside of it, and whether it is a picture of the size that the file says. The
 * decoder makes room for whatever the block says.
 */
import { type BlockShape, damagedBlock } from '../../codec/codec.js';

/** What a strip may have beyond its rows; see `BlockSize`. */
type JpegShape = BlockShape & { readonly mostHeightPx: number };

const MARKER = 0xff;
/** Markers by their second byte. */
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const DQT = 0xdb;
const DRI = 0xdd;
const COMMENT = 0xfe;
/** Huffman tables have a number among those of the frames. */
const DHT = 0xc4;
/** Baseline, extended and progressive: those that the decoder knows. */
const FRAMES: readonly number[] = [0xc0, 0xc1, 0xc2];
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;
const isApplication = (marker: number): boolean => marker >= 0xe0 && marker <= 0xef;

/**
 * Each scan goes over the whole picture. libtiff stops at as many (`JPEG_MAX_ALLOWED_SCAN_NUMBER`).
 */
const MOST_SCANS = 100;
/** T.81, table B.2: sampling factors. */
const MOST_SAMPLING = 4;

/** A segment, and where it begins and ends behind its length. */
interface Segment {
  readonly marker: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Checks a block and the tables that it shares with others.
 *
 * @throws Error for what is no such picture
 */
export function checkJpeg(
  block: Uint8Array,
  tables: Uint8Array | undefined,
  shape: JpegShape,
): void {
  for (const { marker } of tables ? segmentsOf(tables) : [])
    if (FRAMES.includes(marker) || marker === SOS) throw damaged('its tables hold a picture');
  let [frames, scans] = [0, 0];
  for (const segment of segmentsOf(block)) {
    if (FRAMES.includes(segment.marker)) {
      frames += 1;
      checkFrame(block.subarray(segment.start, segment.end), shape);
    }
    if (segment.marker !== SOS) continue;
    scans += 1;
    if (frames !== 1) throw damaged('it has a scan and not one frame before');
    if (scans > MOST_SCANS) throw damaged(`it has over ${MOST_SCANS} scans`);
  }
  if (frames !== 1 || scans === 0) throw damaged(`it has ${frames} frames and ${scans} scans`);
}

function checkFrame(frame: Uint8Array, shape: JpegShape): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.byteLength < 6) throw damaged('its frame is cut');
  const found = {
    precision: view.getUint8(0),
    widthPx: view.getUint16(3),
    bands: view.getUint8(5),
  };
  const wanted = { precision: 8, widthPx: shape.widthPx, bands: shape.samplesPerPixel };
  for (const [name, value] of Object.entries(wanted))
    if (found[name as keyof typeof wanted] !== value)
      throw damaged(`${name} ${found[name as keyof typeof wanted]} instead of ${value}`);
  const heightPx = view.getUint16(1);
  if (heightPx < shape.heightPx || heightPx > shape.mostHeightPx)
    throw damaged(`heightPx ${heightPx} instead of ${shape.heightPx}`);
  if (view.byteLength !== 6 + 3 * found.bands) throw damaged('its frame has another length');
  for (let at = 7; at < view.byteLength; at += 3) {
    const [across, down] = [view.getUint8(at) >> 4, view.getUint8(at) & 15];
    if (Math.min(across, down) < 1 || Math.max(across, down) > MOST_SAMPLING)
      throw damaged(`a sampling of ${across}x${down}`);
  }
}

/** The segments from the first to the end of the image, each inside of the block. */
function* segmentsOf(block: Uint8Array): Generator<Segment> {
  if (block[0] !== MARKER || block[1] !== SOI) throw damaged('it does not begin as one');
  for (let at = 2; ;) {
    while (block[at] === MARKER && block[at + 1] === MARKER) at += 1;
    const marker = block[at + 1];
    if (block[at] !== MARKER || marker === undefined) throw damaged('a segment is missing');
    if (marker === EOI) return;
    if (!isKnown(marker)) throw damaged(`a segment of kind ${marker}`);
    const start = at + 4;
    const end = at + 2 + ((block[at + 2] ?? 0) << 8) + (block[at + 3] ?? 0);
    if (end < start || end > block.length) throw damaged('a segment ends outside');
    checkSegment(block, { marker, start, end });
    yield { marker, start, end };
    at = marker === SOS ? endOfScan(block, end) : end;
  }
}

function isKnown(marker: number): boolean {
  const plain = [SOS, DQT, DHT, DRI, COMMENT];
  return plain.includes(marker) || FRAMES.includes(marker) || isApplication(marker);
}

/** Tables must end where their segment does: whoever reads on reads something else. */
function checkSegment(block: Uint8Array, { marker, start, end }: Segment): void {
  if (marker === DRI && end !== start + 2) throw damaged('a restart interval of another length');
  if (marker === SOS && end !== start + 4 + 2 * (block[start] ?? 0)) throw damaged('a scan is cut');
  if (marker !== DHT && marker !== DQT) return;
  let at = start;
  while (at < end) at += marker === DHT ? huffmanBytes(block, at) : quantizationBytes(block, at);
  if (at !== end) throw damaged('a table is cut');
}

function huffmanBytes(block: Uint8Array, at: number): number {
  const counts = block.subarray(at + 1, at + 17);
  return 17 + counts.reduce((sum, count) => sum + count, 0);
}

function quantizationBytes(block: Uint8Array, at: number): number {
  return 1 + 64 * (1 + ((block[at] ?? 0) >> 4));
}

/** Coded samples have no marker but restarts; a byte that looks like one is followed by zero. */
function endOfScan(block: Uint8Array, start: number): number {
  for (let at = block.indexOf(MARKER, start); at >= 0; at = block.indexOf(MARKER, at)) {
    const next = block[at + 1] ?? 0;
    if (next !== 0 && !isRestart(next)) return at;
    at += 2;
  }
  throw damaged('it has no end');
}

function damaged(why: string): Error {
  return damagedBlock('jpeg', why);
}
