/**
 * Decodes blocks that lie in the file as they are, and those of codecs that are not our own: other
 * packages have these, on a thread that a bad block may end (guest-decoders.ts).
 */
import type { BlockShape } from '../../codec/codec.js';
import { checkLercInfo } from '../../codec/lerc.js';
import { lercHeader } from '../../codec/lerc-header.js';
import { zstdContentBytes } from '../../codec/zstd.js';
import type { RasterArray } from '../../model.js';
import { checkJpeg } from './check-jpeg.js';
import { checkWebp } from './check-webp.js';
import {
  type BlockEncoding,
  type BlockSize,
  COMPRESSION,
  inOrder,
  nativeSamples,
  rowBytesOf,
  SLACK_BYTES,
  unpackedLerc,
} from './decode-block.js';
import { guestDecoders } from './guest-decoders.js';

/** Decodes a block. Throws a plain error where the bytes are not such a block. */
export async function decodeGuestBlock(
  encoded: Uint8Array,
  size: BlockSize,
  encoding: BlockEncoding,
): Promise<RasterArray> {
  const { heightPx } = size;
  const rowSamples = size.widthPx * encoding.bandsTogether;
  const rowBytes = rowBytesOf(size, encoding);
  const bytes = await decompress(inOrder(encoded, encoding), rowBytes, size, encoding);
  if (bytes.length < rowBytes * heightPx)
    throw new Error(`it holds ${bytes.length} bytes instead of ${rowBytes * heightPx}`);
  const exact = bytes.subarray(0, rowBytes * heightPx);
  if (encoding.isYCbCr) return rgbOf(exact);
  return nativeSamples(exact, rowSamples, heightPx, encoding);
}

async function decompress(
  encoded: Uint8Array,
  rowBytes: number,
  size: BlockSize,
  encoding: BlockEncoding,
): Promise<Uint8Array> {
  const { compression, bandsTogether } = encoding;
  if (compression === COMPRESSION.none) return encoded;
  const maxOutputLength = rowBytes * size.mostHeightPx + SLACK_BYTES;
  const shape = { ...size, samplesPerPixel: bandsTogether };
  const block =
    compression === COMPRESSION.lerc ? unpackedLerc(encoded, maxOutputLength, encoding) : encoded;
  checkForGuest(block, maxOutputLength, shape, encoding);
  return guestDecoders.decode(new Uint8Array(block), {
    ...encoding,
    lercParameters: [],
    samplesPerPixel: bandsTogether,
    maxOutputLength,
  });
}

/** A guest's decoder makes room for what the block says, so the block is asked before. */
function checkForGuest(
  block: Uint8Array,
  mostBytes: number,
  shape: BlockShape & BlockSize,
  { compression, dataType, jpegTables }: BlockEncoding,
): void {
  switch (compression) {
    case COMPRESSION.jpeg:
      return checkJpeg(block, jpegTables, shape);
    case COMPRESSION.webp:
      return checkWebp(block, shape);
    case COMPRESSION.lerc:
      return checkLercInfo(lercHeader(block), shape, dataType, block.length);
    case COMPRESSION.zstd: {
      const bytes = zstdContentBytes(block) ?? 0;
      if (bytes > mostBytes) throw new Error(`it says that it holds ${bytes} bytes`);
      return undefined;
    }
    default:
      throw new Error(`nothing here decodes its compression, ${compression}`);
  }
}

/** JPEG's colours (ITU-T T.871, section 7) as red, green and blue. */
function rgbOf(yCbCr: Uint8Array): Uint8Array {
  const rgb = new Uint8ClampedArray(yCbCr.length);
  for (let at = 0; at + 2 < yCbCr.length; at += 3) {
    const luma = yCbCr[at] as number;
    const blue = (yCbCr[at + 1] as number) - 128;
    const red = (yCbCr[at + 2] as number) - 128;
    rgb[at] = luma + 1.402 * red;
    rgb[at + 1] = luma - 0.344136 * blue - 0.714136 * red;
    rgb[at + 2] = luma + 1.772 * blue;
  }
  return new Uint8Array(rgb.buffer);
}
