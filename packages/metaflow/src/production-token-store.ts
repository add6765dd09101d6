/**
 * Metaflow's store of production tokens: one JSON file per token prefix,
 * `{"production_token": "…"}`, in the directory where Metaflow's own Python keeps them, so that
 * both find what the other has stored.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError, updateJson, type Fs } from 'holdfast';
import { checkOptions, checkPath, invalidArgument } from 'holdfast/options';
import { nodeFileSystem } from 'holdfast/os';
import { checkInside, objectOf, readSharedObject } from './shared-file.js';
import { indexOfToken, TOKEN_COUNT, tokenAt } from './token-sequence.js';

/** Where the tokens lie and how long to wait for their lock. */
export interface ProductionTokenStoreOptions {
  /**
   * The directory of the token files; by default what the environment says
   * ({@link ProductionTokenStore.home}).
   */
  readonly home?: string | undefined;
  /**
   * How long to wait for the lock of a token file, in milliseconds; without it the wait has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const KEY = 'production_token';

/** The production tokens of flows, in the file that Metaflow uses. */
export class ProductionTokenStore {
  readonly #options: ProductionTokenStoreOptions;
  readonly #fs: Fs;

  /** @throws HoldfastError INVALID_ARGUMENT for an unknown option */
  constructor(options: ProductionTokenStoreOptions = {}) {
    checkOptions('ProductionTokenStore', options, ['home', 'timeoutMs', 'fs']);
    this.#options = options;
    this.#fs = options.fs ?? nodeFileSystem;
  }

  /**
   * The directory of the token files: `home`, or `$METAFLOW_TOKEN_HOME` if it is not empty, or
   * `$METAFLOW_HOME` if it is set, or `~/.metaflowconfig`; read at each call, as Metaflow does. A
   * leading `~` is the home directory.
   */
  get home(): string {
    const { METAFLOW_TOKEN_HOME, METAFLOW_HOME } = process.env;
    const home = this.#options.home ?? (METAFLOW_TOKEN_HOME || METAFLOW_HOME);
    if (home) checkPath('ProductionTokenStore', home);
    return expandHome(home ?? '~/.metaflowconfig');
  }

  /**
   * The file of a token prefix.
   *
   * @throws HoldfastError PATH_ESCAPES for a prefix that leaves the directory
   */
  path(prefix: string): string {
    checkInside(prefix, 'A token prefix');
    return join(this.home, prefix);
  }

  /**
   * The token stored for a prefix, or `undefined` when there is none.
   *
   * @throws HoldfastError CORRUPT_DOCUMENT; PATH_ESCAPES; and as `readJson`
   */
  async load(prefix: string): Promise<string | undefined> {
    const path = this.path(prefix);
    const config = await readSharedObject(this.#fs, path);
    const token = config && Object.hasOwn(config, KEY) ? config[KEY] : undefined;
    if (token === undefined || token === null || typeof token === 'string') {
      return token ?? undefined;
    }
    throw new HoldfastError('CORRUPT_DOCUMENT', {
      message: `The member '${KEY}' is not a string. Repair the file or store a token.`,
      step: 'read',
      path,
    });
  }

  /**
   * Stores the token of a prefix. Every other member of the file is kept, also those that others
   * store at the same time; directories are made. After success the token survives a power loss.
   *
   * @throws HoldfastError INVALID_ARGUMENT; PATH_ESCAPES; and as `updateJson`
   */
  async store(prefix: string, token: string): Promise<void> {
    if (typeof token !== 'string' || token === '') {
      throw invalidArgument('store', 'a token is a string that is not empty', prefix);
    }
    const path = this.path(prefix);
    // A released Metaflow that has just truncated the file would make it look empty, and its
    // members lost.
    await readSharedObject(this.#fs, path);
    await updateJson(
      path,
      (config) => {
        objectOf(config, path)[KEY] = token;
      },
      { fs: this.#fs, timeoutMs: this.#options.timeoutMs },
    );
  }

  /**
   * The first token of a prefix, or the one that follows `previous`; `undefined` if `previous` is
   * not a token of this prefix. Nothing is read or written.
   *
   * @throws HoldfastError NOT_FOUND after the last token (Metaflow raises StopIteration there);
   *   PATH_ESCAPES
   */
  new(prefix: string, previous?: string): string | undefined {
    checkInside(prefix, 'A token prefix');
    if (previous === undefined) return tokenAt(prefix, 0);
    const index = indexOfToken(prefix, previous);
    if (index === undefined) return undefined;
    if (index + 1 < TOKEN_COUNT) return tokenAt(prefix, index + 1);
    throw new HoldfastError('NOT_FOUND', {
      message: `'${previous}' is the last of the ${TOKEN_COUNT} tokens of its prefix. Choose another prefix.`,
      step: 'new',
      path: prefix,
    });
  }
}

/** `os.path.expanduser` of Python, for the user's own home. */
function expandHome(home: string): string {
  if (!home.startsWith('~')) return home === '' ? '/' : home;
  if (home === '~' || home.startsWith('~/')) return join(homedir(), home.slice(1));
  throw invalidArgument('home', `'${home}': the home of another user cannot be looked up`, home);
}
