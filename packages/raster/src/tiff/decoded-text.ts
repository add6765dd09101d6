/** The texts of a TIFF file. */

/**
 * Texts are ASCII by TIFF 6.0, UTF-8 by GDAL, and Latin-1 by older writers; every text is one of
 * the latter two.
 */
export function decodedText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('latin1').decode(bytes);
  }
}
