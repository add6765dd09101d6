/**
 * A file that goes to a bucket as one object: where nothing can be renamed, and nothing of several
 * objects is of one commit.
 */
import { HoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { parseAddress, shownAddress } from '../remote/address.js';
import { loadStores } from '../remote/stores.js';
import { COG_TYPE } from '../stac/item.js';
import type { CogOptions } from './cog-plan.js';

const CALL = 'writeCog';

/** Where it goes. */
export interface BucketFile {
  readonly url: string;
  /** What is left of the options, for the file itself. */
  readonly options: CogOptions;
  /** Refuses what is there, where nothing is to be replaced, and what speaks of other pixels. */
  readonly check: () => Promise<void>;
  /** Resolves when the object has this content. */
  readonly send: (content: AsyncIterable<Uint8Array>) => Promise<void>;
}

/**
 * @param companionEndings - of what readers take for a part of the file beside it
 * @throws HoldfastError INVALID_ARGUMENT
 */
export async function openBucketFile(
  address: string,
  { store: given, allowHttp = false, ...options }: CogOptions,
  companionEndings: readonly string[],
): Promise<BucketFile> {
  const parsed = parseAddress(CALL, address, false);
  const url = shownAddress(parsed);
  for (const name of ['stac', 'durability'] as const)
    if (options[name] !== undefined && options[name] !== false)
      throw invalidArgument(CALL, `${name} is for files on disk, not for s3://`, url);
  const stores = await loadStores(CALL, url);
  const store = given ?? stores.s3Store({ allowHttp });
  const { ifExists = 'fail', signal } = options;
  const bucket = parsed.origin.slice('s3://'.length);
  const isThere = async (ending: string): Promise<boolean> => {
    const key = `${parsed.path.slice(1)}${ending}`;
    const range = { offsetBytes: 0, sizeBytes: 1 };
    // One that may not be looked at is none: many stores say so of what is not there.
    return (await store.get({ bucket, key }, { range, signal })).outcome === 'found';
  };
  const check = async (): Promise<void> => {
    if (signal?.aborted)
      throw new HoldfastError('ABORTED', {
        message: 'The caller ended the call. Nothing was written.',
        step: 'check',
        path: url,
        cause: signal.reason,
      });
    if (ifExists === 'fail' && (await isThere('')))
      throw inTheWay(
        url,
        "There is an object of this name. Replace it (ifExists: 'replace'), or write to another name.",
      );
    for (const ending of companionEndings)
      if (await isThere(ending))
        throw inTheWay(
          `${url}${ending}`,
          'Readers would take this object for a part of the new file, and it speaks of other pixels. Remove it first: in a bucket nothing of two objects is of one commit.',
        );
  };
  const send = async (content: AsyncIterable<Uint8Array>): Promise<void> => {
    const how = { store, ifExists, contentType: COG_TYPE, signal };
    await stores.replaceObject(url, copied(content), how);
  };
  return { url, options, check, send };
}

function inTheWay(path: string, message: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', { message, step: 'check', path });
}

/** What is read into the same memory again would change on its way. */
async function* copied(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of content) yield piece.slice();
}
