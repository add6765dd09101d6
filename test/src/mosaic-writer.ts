/**
 * Writes mosaics of one value each.
 *
 *   node mosaic-writer.js MACHINE DIRECTORY COUNT     replaces DIRECTORY/out.vrt so many times
 */
import { pathToFileURL } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';

/**
 * Writes or replaces a mosaic of 64 x 64 pixels that all have one value; no earlier tiles are kept.
 */
export async function writeValue(path: string, value: number): Promise<void> {
  const data = new Uint8Array(64 * 64).fill(value);
  await writeTiledVrt(path, fromArray({ data, width: 64, height: 64 }), {
    tileSizePx: 16,
    threads: 0,
    ifExists: 'replace',
    keepPrevious: 0,
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [machine = '', directory = '', count = ''] = process.argv.slice(2);
  for (let round = 1; round <= Number(count); round += 1)
    await writeValue(`${directory}/out.vrt`, round + (machine === 'a' ? 0 : 100));
}
