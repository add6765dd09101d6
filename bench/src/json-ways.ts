/** Ways to change one member of a JSON document. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { updateJson } from 'holdfast';
import { inlineFileSystem, nodeFileSystem, type Fs } from 'holdfast/os';
import { updateJsonSync } from 'holdfast/sync';
import { properLockfile, writeFileAtomic } from './peer-packages.js';

export type SetMember = (path: string, key: string) => Promise<unknown>;

/**
 * `updateJson` of another checkout, which is built, when HOLDFAST_BENCH_AGAINST names one: the
 * version before a change.
 */
const updateJsonBefore: typeof updateJson | undefined = await coreOf(
  process.env['HOLDFAST_BENCH_AGAINST'],
);

export const ways: Readonly<Record<string, SetMember>> = {
  holdfast: setBy(updateJson, nodeFileSystem),
  ...(updateJsonBefore && { before: setBy(updateJsonBefore, undefined) }),
  inline: setBy(updateJson, inlineFileSystem),
  pair: async (path, key) => {
    const unlock = await properLockfile.lock(path, {
      retries: { retries: 100_000, minTimeout: 1, maxTimeout: 20 },
      // Its default is <path>.lock, which is our lock file: it would wait for ever for a directory
      // of that name.
      lockfilePath: `${path}.peer-lock`,
    });
    try {
      const document = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>;
      countUp(document, key);
      await writeFileAtomic(path, JSON.stringify(document));
    } finally {
      await unlock();
    }
  },
};

/** The synchronous form, which has no queue in which calls could share a commit. */
export function setSync(path: string, key: string): void {
  updateJsonSync<Record<string, number>>(path, (document) => countUp(document, key), { indent: 0 });
}

async function coreOf(checkout: string | undefined): Promise<typeof updateJson | undefined> {
  if (checkout === undefined) return undefined;
  const entry = resolve(checkout, 'packages/holdfast/dist/index.js');
  const core = (await import(pathToFileURL(entry).href)) as { updateJson: typeof updateJson };
  return core.updateJson;
}

function setBy(update: typeof updateJson, fs: Fs | undefined): SetMember {
  return (path, key) =>
    update<Record<string, number>>(path, (document) => countUp(document, key), { indent: 0, fs });
}

/** A value of its own each time: a document that stays as it is would not be written. */
function countUp(document: Record<string, number>, key: string): void {
  document[key] = (document[key] ?? 0) + 1;
}
