/**
 * Checks a mosaic in a bucket: that what its index names is what was published with it, by what the
 * store lists, or with `deep` byte by byte against the checksums.
 */
import { HoldfastError } from 'holdfast';
import { openVrt } from '../read/open-vrt.js';
import { bucketPlaceOf } from '../remote/bucket-index.js';
import { loadStores } from '../remote/stores.js';
import type { Problem, ProblemKind, VerifyOptions, VerifyReport } from './verify-vrt.js';

/** A mosaic that is replaced each time it is looked at is given up in the end. */
const MOST_TRIES = 5;

const found: Readonly<
  Record<'missing' | 'changed' | 'foreign' | 'putBack', readonly [kind: ProblemKind, text: string]>
> = {
  missing: ['missing', 'it was published with the mosaic and is gone'],
  changed: ['changed', 'it is not what was published'],
  foreign: ['foreign', 'it was not published with the mosaic'],
  putBack: [
    'lost index',
    'another program put an older index back over that of the last write: write the mosaic again',
  ],
};

/** @throws HoldfastError as `verifyVrt` does, and STORE_FAILED */
export async function verifyInBucket(
  address: string,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { store, allowHttp = false, deep, signal } = options;
  const { indexUrl: path, tilesUrl, index } = bucketPlaceOf('verifyVrt', address);
  const stores = await loadStores('verifyVrt', path);
  const access = { store: store ?? stores.s3Store({ allowHttp }), index, signal };
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const { names, generation } = await namedBy(path, { ...options, store: access.store });
    const opened = await stores.openDirectory(tilesUrl, access);
    const verified = await stores.verifyDirectory(tilesUrl, { ...access, deep });
    // It was replaced between these.
    if (opened.generation !== verified.generation) continue;
    const problems: Problem[] = verified.problems.map((each) => {
      const [kind, message] = found[each.kind];
      return { kind, path: each.path === '' ? path : `${opened.url}/${each.path}`, message };
    });
    const published = new Set([...opened.files.keys()].map((name) => `${opened.url}/${name}`));
    const strange = names.filter((name) => !published.has(name));
    if (strange.length > 0 && strange.length === names.length && tries < MOST_TRIES) continue;
    const message = 'the index names it, and it was not published with the mosaic';
    for (const each of strange) problems.push({ kind: 'other generation', path: each, message });
    const isOk = problems.length === 0;
    const report = { path, ok: isOk, evidence: 'checksums', generation, problems } as const;
    return { ...report, tiles: names.length, notes: [] };
  }
  throw new HoldfastError('TARGET_CHANGED', {
    message: 'The mosaic was replaced each time while it was looked at. Look again when it rests.',
    step: 'verify',
    path,
  });
}

/** The tiles and the generation that the index names now. */
async function namedBy(
  path: string,
  options: VerifyOptions,
): Promise<{ readonly names: readonly string[]; readonly generation: string | undefined }> {
  const { store, outside, maxIndexBytes, maxBands, maxSources, signal } = options;
  const limits = { maxIndexBytes, maxBands, maxSources };
  const mosaic = await openVrt(path, { store, outside, signal, ...limits });
  await mosaic.close();
  const generation = mosaic.document.metadata.get('HOLDFAST')?.['GENERATION'];
  return { names: mosaic.tilePaths, generation };
}
