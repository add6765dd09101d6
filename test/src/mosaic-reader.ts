/**
 * The reader process of the overwrite test: opens a mosaic, reads windows of it, closes it, again
 * and again until its standard input ends. Every raster in the test holds one value, so two values
 * within one opened mosaic are a mix.
 *
 *   node mosaic-reader.js PATH      prints `READS n` at the end, or an error and exits with 1
 */
import { openVrt } from '@holdfast/raster';

const path = process.argv[2] as string;
const ended = new AbortController();
process.stdin.on('end', () => ended.abort());
process.stdin.resume();

let reads = 0;
while (!ended.signal.aborted) {
  const mosaic = await openVrt(path);
  const values = new Set<number | bigint>();
  for (const yPx of [0, 20, 47]) {
    const { data } = await mosaic.read({ xPx: 10, yPx, widthPx: 30, heightPx: 17 });
    for (const value of data) values.add(value);
  }
  await mosaic.close();
  if (values.size !== 1) throw new Error(`one opened mosaic held ${[...values].join(', ')}`);
  reads += 1;
}
process.stdout.write(`READS ${reads}\n`);
