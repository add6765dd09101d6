/**
 * Looks over a WebP block before it is decoded (Google's "WebP Container Specification"; RFC 6386,
 * 9.1; the lossless bitstream's section 3): whether it is one still picture of the size that the
 * file says. The decoder makes room for whatever the block says.
 */
import { type BlockShape, damagedBlock } from '../../codec/codec.js';

type WebpShape = BlockShape & { readonly mostHeightPx: number };

const FIRST_CHUNK = 12;
const PAYLOAD = 20;
const LEAST_BYTES = 30;
const ANIMATED = 0x02;
const LOSSLESS_SIGNATURE = 0x2f;

/** @throws Error for what is no such picture */
export function checkWebp(block: Uint8Array, shape: WebpShape): void {
  if (block.length < LEAST_BYTES || textAt(block, 0) !== 'RIFF' || textAt(block, 8) !== 'WEBP')
    throw damagedBlock('webp', 'it does not begin as one');
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const { widthPx, heightPx } = sizeOf(view, textAt(block, FIRST_CHUNK));
  if (widthPx !== shape.widthPx)
    throw damagedBlock('webp', `widthPx ${widthPx} instead of ${shape.widthPx}`);
  if (heightPx < shape.heightPx || heightPx > shape.mostHeightPx)
    throw damagedBlock('webp', `heightPx ${heightPx} instead of ${shape.heightPx}`);
}

interface Size {
  readonly widthPx: number;
  readonly heightPx: number;
}

function sizeOf(view: DataView, kind: string): Size {
  switch (kind) {
    case 'VP8 ':
      return {
        widthPx: view.getUint16(PAYLOAD + 6, true) & 0x3fff,
        heightPx: view.getUint16(PAYLOAD + 8, true) & 0x3fff,
      };
    case 'VP8L': {
      const bits = view.getUint32(PAYLOAD + 1, true);
      if (view.getUint8(PAYLOAD) !== LOSSLESS_SIGNATURE)
        throw damagedBlock('webp', 'its lossless picture does not begin as one');
      return { widthPx: (bits & 0x3fff) + 1, heightPx: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      if ((view.getUint8(PAYLOAD) & ANIMATED) !== 0) throw damagedBlock('webp', 'it is animated');
      return {
        widthPx: (view.getUint32(PAYLOAD + 4, true) & 0xffffff) + 1,
        heightPx: (view.getUint32(PAYLOAD + 6, true) >>> 8) + 1,
      };
    default:
      throw damagedBlock('webp', `a chunk of kind ${JSON.stringify(kind)}`);
  }
}

function textAt(block: Uint8Array, at: number): string {
  return String.fromCharCode(...block.subarray(at, at + 4));
}
