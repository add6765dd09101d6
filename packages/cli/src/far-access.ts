/** What lies elsewhere than in a file and is read window by window: `s3://…`, `https://…`. */
import { invalidArgument } from 'holdfast/options';
import { openStore, refuseStoreFlags, type StoreFlags } from './store-flags.js';

/** How what is far away is reached, as the raster package is told. */
export interface FarAccess {
  readonly store?: ReturnType<typeof import('@holdfast/objectstore').s3Store>;
  readonly allowHttp?: boolean | undefined;
}

/** How a place is reached: a path, `s3://…` or `https://…`. */
export async function accessTo(place: string, flags: StoreFlags): Promise<FarAccess> {
  if (!place.startsWith('s3://'))
    return /^https?:/iu.test(place) ? { allowHttp: flags.allowHttp } : {};
  const { store } = await openStore('raster', place, flags);
  return { store };
}

/**
 * Refuses flags of stores that none of the places has a use for.
 *
 * @throws HoldfastError INVALID_ARGUMENT
 */
export function refuseUnusedFlags(
  places: readonly string[],
  { allowHttp, ...ofStores }: StoreFlags,
): void {
  if (places.some((place) => place.startsWith('s3://'))) return;
  const [first = ''] = places;
  refuseStoreFlags('raster', first, ofStores);
  if (allowHttp && !places.some((place) => /^https?:/iu.test(place)))
    throw invalidArgument('raster', '--allow-http is for addresses alone', first);
}
