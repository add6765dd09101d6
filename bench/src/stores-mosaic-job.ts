/**
 * Puts a mosaic somewhere, in one or more ways, one after another:
 *
 *     node stores-mosaic-job.js ENDPOINT DIRECTORY INPUT COMPRESSION local|puts|publish...
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { s3Store } from '@holdfast/objectstore';
import { fromGeoTiff, writeTiledVrt, type WriteOptions } from '@holdfast/raster';

const AT_ONCE = 8;

const [endpoint = '', directory = '', input = '', compression = '', ...words] =
  process.argv.slice(2);
const store = s3Store({ endpoint, allowHttp: true, trusted: true });
const local = `${directory}/dem.vrt`;

const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  local: () => write(local),
  /** Of the files that `local` has made. */
  async puts() {
    const left = await readdir(`${directory}/dem_tiles`);
    const one = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        const key = `bare-${process.pid}/${name}`;
        const body = await readFile(`${directory}/dem_tiles/${name}`);
        const { outcome } = await store.put({ bucket: 'bucket', key }, body);
        if (outcome !== 'committed') throw new Error(`${name} is ${outcome}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  },
  publish: () => write(`s3://bucket/mosaic-${process.pid}/dem.vrt`, { store }),
};

async function write(path: string, options: Pick<WriteOptions, 'store'> = {}): Promise<void> {
  const source = await fromGeoTiff(input);
  await writeTiledVrt(path, source, {
    compression: compression as WriteOptions['compression'],
    ...options,
  });
  await source.close();
}

await mkdir(directory, { recursive: true });
for (const word of words) {
  const way = ways[word];
  if (way === undefined) throw new Error(`unknown way '${word}'`);
  await way();
}
