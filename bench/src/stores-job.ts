/**
 * Puts files of 4 MiB somewhere, in one or more ways, one after another:
 *
 *     node stores-job.js ENDPOINT DIRECTORY COUNT local|puts|publish...
 */
import { randomFillSync } from 'node:crypto';
import { publishDirectory as publishLocally } from 'holdfast';
import { publishDirectory, s3Store } from '@holdfast/objectstore';

const FILE_BYTES = 4 * 1024 * 1024;
const AT_ONCE = 8;

const [endpoint = '', directory = '', count = '', ...words] = process.argv.slice(2);
const names = Array.from({ length: Number(count) }, (_, index) => `file-${index}`);
const store = s3Store({ endpoint, allowHttp: true, trusted: true });

const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  local: () =>
    publishLocally(directory, async (stage) => {
      for (const name of names) await stage.spawn(() => stage.write(name, contentOf()));
    }),
  async puts() {
    const left = [...names];
    const one = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        const key = `bare-${process.pid}/${name}`;
        const { outcome } = await store.put({ bucket: 'bucket', key }, contentOf());
        if (outcome !== 'committed') throw new Error(`${name} is ${outcome}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  },
  publish: () =>
    publishDirectory(
      `s3://bucket/published-${process.pid}`,
      async (stage) => {
        for (const name of names) await stage.spawn(() => stage.write(name, contentOf()));
      },
      { store, concurrency: AT_ONCE },
    ),
};

/** Another content each time, since nobody is to find that two are the same. */
function contentOf(): Buffer {
  return randomFillSync(Buffer.allocUnsafe(FILE_BYTES));
}

for (const word of words) {
  const way = ways[word];
  if (way === undefined) throw new Error(`unknown way '${word}'`);
  await way();
}
