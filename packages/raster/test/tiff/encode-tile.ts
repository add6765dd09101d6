/** Whole files of single tiles. */
import type { Pixels, Transform } from '#src/model.js';
import { type EncodedTile, TileEncoder } from '#src/tiff/tile-encoder.js';
import type { TileFormat } from '#src/tiff/tile-format.js';

/**
 * Encodes one tile as a whole TIFF file.
 */
export function encodeTile(format: TileFormat, pixels: Pixels, transform?: Transform): Uint8Array {
  const encoder = new TileEncoder(format);
  try {
    return joinParts(encoder.encode(pixels, transform));
  } finally {
    encoder.close();
  }
}

/** The bytes of an encoded tile in an array of their own. */
export function joinParts({ parts, sizeBytes }: EncodedTile): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
