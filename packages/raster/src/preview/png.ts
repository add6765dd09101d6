/**
 * Writes a picture as a PNG file (ISO/IEC 15948): 8 bits of a tone or of red, green and blue, with
 * alpha where there is any; not interlaced, without filters.
 */
import { openDeflate } from '../codec/deflate.js';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const DEPTH_BITS = 8;
/** Kinds of pixels (11.2.2), by how many channels they have. */
const COLOUR_TYPES = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;
const RGBA_BYTES = 4;
/** Of zlib's levels, its default. */
const LEVEL = 6;

/**
 * The bytes of a file.
 *
 * @param data - red, green, blue and alpha of each pixel, row after row
 */
export function pngOf(data: Uint8Array, widthPx: number, heightPx: number): Uint8Array {
  const { pixels, channels } = withoutNeedless(data);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, widthPx);
  header.setUint32(4, heightPx);
  header.setUint8(8, DEPTH_BITS);
  header.setUint8(9, COLOUR_TYPES[channels]);
  return Buffer.concat([
    Uint8Array.from(SIGNATURE),
    chunkOf('IHDR', new Uint8Array(header.buffer)),
    chunkOf('IDAT', compressed(rowsOf(pixels, widthPx * channels, heightPx))),
    chunkOf('IEND', new Uint8Array(0)),
  ]);
}

/** One tone in place of three that are equal, and no alpha where all is opaque. */
function withoutNeedless(data: Uint8Array): {
  readonly pixels: Uint8Array;
  readonly channels: keyof typeof COLOUR_TYPES;
} {
  let [isGrey, isOpaque] = [true, true];
  for (let at = 0; at < data.length && (isGrey || isOpaque); at += RGBA_BYTES) {
    isGrey &&= data[at] === data[at + 1] && data[at] === data[at + 2];
    isOpaque &&= data[at + 3] === 255;
  }
  const kept = [0, ...(isGrey ? [] : [1, 2]), ...(isOpaque ? [] : [3])];
  const channels = kept.length as keyof typeof COLOUR_TYPES;
  if (channels === RGBA_BYTES) return { pixels: data, channels };
  const pixels = new Uint8Array((data.length / RGBA_BYTES) * channels);
  for (const [place, channel] of kept.entries()) {
    for (let to = place, from = channel; to < pixels.length; to += channels, from += RGBA_BYTES)
      pixels[to] = data[from] as number;
  }
  return { pixels, channels };
}

/** Before each row the number of its filter, 0 for none. */
function rowsOf(data: Uint8Array, rowBytes: number, heightPx: number): Uint8Array {
  const rows = new Uint8Array((rowBytes + 1) * heightPx);
  for (let y = 0; y < heightPx; y += 1)
    rows.set(data.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  return rows;
}

function compressed(rows: Uint8Array): Uint8Array {
  const codec = openDeflate(LEVEL);
  try {
    const output = new Uint8Array(codec.boundBytes(rows.length));
    const shape = { widthPx: rows.length, heightPx: 1, samplesPerPixel: 1 };
    return output.subarray(0, codec.compress(rows, output, shape));
  } finally {
    codec.close();
  }
}

/** Length, name, content and checksum. */
function chunkOf(name: string, content: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(content.length + 12);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  chunk.set(Buffer.from(name, 'latin1'), 4);
  chunk.set(content, 8);
  view.setUint32(content.length + 8, crc32(chunk.subarray(4, content.length + 8)));
  return chunk;
}

/** CRC-32 as PNG has it (ISO/IEC 15948, annex D); Node's own is there from 22.2 on only. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at += 1)
    crc = (crcTable[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});
