/** What commands take that go to a file or to an object of a store, `s3://bucket/key`. */
import type { ObjectStore } from '@holdfast/objectstore';
import type { Command } from 'commander';
import { checkPath, invalidArgument } from 'holdfast/options';

/** What {@link withStoreFlags} adds. */
export interface StoreFlags {
  readonly endpoint?: string;
  readonly region?: string;
  readonly allowHttp?: true;
  /** Of commands that change something: {@link withTrustFlag}. */
  readonly trustStore?: true;
}

/** What is named, of a command for a document of either kind. */
export const fileHelp = 'the document; an object of a store is s3://bucket/key';

const flagsOfStores: readonly (string | undefined)[] = [
  ...(['--endpoint', '--region', '--allow-http', '--trust-store'] as const),
];

/** `--endpoint`, `--region` and `--allow-http`; credentials come from the environment alone. */
export function withStoreFlags(command: Command): Command {
  return command
    .option('--endpoint <url>', 'of a store: where it is; by default as AWS_ENDPOINT_URL_S3 says')
    .option('--region <name>', 'of a store: its region; by default as AWS_REGION says')
    .option(
      '--allow-http',
      'of a store: the endpoint may be http:, which everybody on the way reads',
    );
}

/** `--trust-store`, for a command that changes something, which else tries the store first. */
export function withTrustFlag(command: Command): Command {
  return command.option(
    '--trust-store',
    'of a store: change it without trying first, by some hundred small requests, whether it loses updates',
  );
}

/**
 * Whether a place is in a store.
 *
 * @param both - the flags that mean something in both; what else is given belongs to one of them
 * @throws HoldfastError INVALID_ARGUMENT for a flag of the other kind, which would not be followed
 */
export function isInStore(place: string, command: Command, both: readonly string[]): boolean {
  const inStore = place.startsWith('s3://');
  const given = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long ?? '');
  const isWrong = (flag: string): boolean =>
    flagsOfStores.includes(flag) ? !inStore : inStore && !both.includes(flag);
  const wrong = given.find(isWrong);
  if (wrong === undefined) return inStore;
  const why = inStore ? 'is not for s3://' : 'is for s3:// alone';
  throw invalidArgument(command.name(), `${wrong} ${why}`, place);
}

/**
 * The package that reaches stores, and the store that the flags name; for what they do not say the
 * environment is asked.
 *
 * @throws HoldfastError INVALID_ARGUMENT, with what to install, where the package is missing
 */
export async function openStore(
  call: string,
  url: string,
  { endpoint, region, allowHttp, trustStore }: StoreFlags,
): Promise<{
  readonly stores: typeof import('@holdfast/objectstore');
  readonly store: ObjectStore;
}> {
  const stores = await loadStores(call, url);
  return { stores, store: stores.s3Store({ endpoint, region, allowHttp, trusted: trustStore }) };
}

/** @throws HoldfastError INVALID_ARGUMENT for a flag of stores, where none is named */
export function refuseStoreFlags(
  call: string,
  place: string,
  { endpoint, region, allowHttp, trustStore }: StoreFlags,
): void {
  const given = [endpoint, region, allowHttp, trustStore];
  const wrong = flagsOfStores.find((_, index) => given[index] !== undefined);
  if (wrong !== undefined) throw invalidArgument(call, `${wrong} is for s3:// alone`, place);
}

async function loadStores(
  call: string,
  url: string,
): Promise<typeof import('@holdfast/objectstore')> {
  try {
    return await import('@holdfast/objectstore');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') checkPath(call, url);
    throw error;
  }
}
