/** Where a directory is made in parts: on a filesystem, or below a prefix of a store. */
import {
  abandonParts,
  beginParts,
  type CommitPartsOptions,
  type JsonObject,
  type JsonValue,
  joinParts,
  type PartsProgress,
} from 'holdfast';
import { madeHere } from './publish-to-store.js';
import { openStore, type StoreFlags } from './store-flags.js';

/** How a session begins. */
export interface BeginSession {
  readonly partCount: number;
  readonly job: JsonValue;
  readonly ifExists: 'fail' | 'replace';
  readonly keepPrevious: number;
  readonly timeoutMs: number | undefined;
  /** On a filesystem alone. */
  readonly withoutExchange?: 'twoRenames';
}

/** What was published. */
export interface PublishedParts extends JsonObject {
  readonly path: string;
  readonly fileCount: number;
}

/** A session that was joined. */
export interface JoinedSession {
  /** Makes one part of the files that `fill` makes in a directory of this machine. */
  writePart(part: number, fill: (directory: string) => Promise<void>): Promise<unknown>;
  progress(): Promise<PartsProgress>;
  commit(options: CommitPartsOptions): Promise<PublishedParts>;
}

/** The sessions of a target. */
export interface PartsTarget {
  begin(options: BeginSession): Promise<{ readonly id: string }>;
  join(id: string): Promise<JoinedSession>;
  abandon(id: string, timeoutMs: number | undefined): Promise<unknown>;
}

/** On a filesystem. */
export function directoryTarget(path: string): PartsTarget {
  return {
    begin: (options) => beginParts(path, options),
    join: async (id) => {
      const session = await joinParts(path, id);
      return {
        writePart: (part, fill) => session.writePart(part, (stage) => fill(stage.path)),
        progress: () => session.progress(),
        commit: async (options) => ({ ...(await session.commit(options)) }),
      };
    },
    abandon: (id, timeoutMs) => abandonParts(path, id, { timeoutMs }),
  };
}

/** Below a prefix, `s3://bucket/prefix`. */
export async function storeTarget(
  call: string,
  url: string,
  flags: StoreFlags,
): Promise<PartsTarget> {
  const { stores, store } = await openStore(call, url, flags);
  return {
    begin: ({ withoutExchange: _withoutExchange, ...options }) =>
      stores.beginParts(url, { ...options, store }),
    join: async (id) => {
      const session = await stores.joinParts(url, id, { store });
      return {
        writePart: (part, fill) =>
          madeHere(fill, (fillStage) => session.writePart(part, fillStage)),
        progress: () => session.progress(),
        commit: async (options) => ({ ...(await session.commit(options)) }),
      };
    },
    abandon: (id, timeoutMs) => stores.abandonParts(url, id, { store, timeoutMs }),
  };
}
