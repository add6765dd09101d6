/**
 * The files of a mosaic far away. Each is read in one version, from when it is first opened until
 * the mosaic is closed, also when it was let go of meanwhile: what has been replaced is an error,
 * never a mixture.
 */
import { basename } from 'node:path/posix';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { readFully } from 'holdfast/os';
import { textOf, type Sidecars } from '../source/geotiff/sidecars.js';
import type { Outside } from '../read/inside.js';
import { escapes } from '../read/inside.js';
import type { MosaicFiles } from '../read/mosaic-files.js';
import { tooLarge, understand } from '../read/read-index.js';
import type { IndexLimits } from '../read/parse-vrt.js';
import type { VrtDocument, VrtSource } from '../read/vrt-document.js';
import { isBeside, parseAddress, resolveName, shownAddress, type Address } from './address.js';
import { rangesByHttp } from './http-ranges.js';
import { isForbidden, wasReplaced, type AskRange } from './ranges.js';
import { RemoteFile } from './remote-file.js';
import { Requests } from './requests.js';
import { rangesOfObject, type ReadableStore } from './store-ranges.js';
import { loadStores } from './stores.js';

/** What a mosaic far away is opened with. */
export interface RemoteSettings extends IndexLimits {
  readonly outside: Outside;
  readonly maxIndexBytes: number;
  readonly store: ReadableStore | undefined;
  readonly allowHttp: boolean;
  readonly signal: AbortSignal | undefined;
}

/** An index that is replaced each time between two requests for it is given up in the end. */
const MOST_TRIES = 20;

export class RemoteFiles implements MosaicFiles {
  /** The index, as it is shown. */
  readonly path: string;
  readonly #call: string;
  readonly #index: Address;
  readonly #settings: RemoteSettings;
  readonly #requests = new Requests();
  readonly #versions = new Map<string, string>();
  #store: Promise<ReadableStore> | undefined;

  /** @throws HoldfastError INVALID_ARGUMENT */
  constructor(call: string, address: string, settings: RemoteSettings) {
    this.#call = call;
    this.#index = parseAddress(call, address, settings.allowHttp);
    this.path = shownAddress(this.#index);
    this.#settings = settings;
  }

  pathOf(
    indexPath: string,
    { filename, relativeToVrt }: Pick<VrtSource, 'filename' | 'relativeToVrt'>,
  ): string {
    const path = resolveName(indexPath, filename, relativeToVrt);
    const isInside = path !== undefined && isBeside(this.path, path);
    if (isInside || (path !== undefined && this.#settings.outside === 'allow')) return path;
    throw escapes(indexPath, filename);
  }

  async open(path: string): Promise<RemoteFile> {
    const ask = await this.#rangesOf(path);
    const file = await RemoteFile.open(path, this.#requests, ask, this.#versions.get(path));
    const known = this.#versions.get(path) ?? file.version;
    if (known !== file.version) throw wasReplaced(path);
    this.#versions.set(path, known);
    return file;
  }

  /**
   * What GDAL writes beside a file, and a mask. Other names are many, and each look is a request.
   */
  async sidecars(path: string): Promise<Sidecars> {
    const [aux, mask] = [`${path}.aux.xml`, `${path}.msk`];
    const [text, file] = await Promise.all([
      ifThere(textOf(aux, (name) => this.open(name))),
      ifThere(this.open(mask)),
    ]);
    return {
      aux: text === undefined ? undefined : { name: basename(aux), text },
      mask: file && { name: basename(mask), open: async () => file },
      world: undefined,
      rpc: undefined,
      unread: { placing: [], telling: [] },
    };
  }

  async identityOf(path: string): Promise<readonly unknown[]> {
    const file = await ifThere(this.open(path));
    return [path, file?.version];
  }

  /** What was opened, by address and version. */
  versions(): readonly (readonly [address: string, version: string])[] {
    return [...this.#versions].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  async readIndex(path: string = this.path): Promise<VrtDocument> {
    const { signal, maxIndexBytes } = this.#settings;
    return understand(path, await this.#textOf(path, maxIndexBytes), this.#settings, signal);
  }

  /** The text of the index, of one version. */
  text(): Promise<string> {
    return this.#textOf(this.path, this.#settings.maxIndexBytes);
  }

  /** The text of a file, of one version; `undefined` where there is none. */
  textIfThere(path: string, maximumBytes: number): Promise<string | undefined> {
    return ifThere(this.#textOf(path, maximumBytes));
  }

  async close(): Promise<void> {
    const message = 'The mosaic was closed.';
    this.#requests.close(new HoldfastError('ABORTED', { message, step: 'read', path: this.path }));
  }

  /** One that is replaced between the requests for its parts is asked for anew. */
  async #textOf(path: string, maximumBytes: number): Promise<string> {
    for (let tries = 1; ; tries += 1) {
      try {
        const file = await this.open(path);
        const { sizeBytes } = await file.stat();
        if (sizeBytes > maximumBytes) throw tooLarge(path, sizeBytes, maximumBytes);
        const bytes = new Uint8Array(sizeBytes);
        await readFully(file, bytes, 0);
        return new TextDecoder().decode(bytes);
      } catch (error) {
        if (!isHoldfastError(error, 'TARGET_CHANGED') || tries === MOST_TRIES) throw error;
        this.#versions.delete(path);
      }
    }
  }

  async #rangesOf(path: string): Promise<AskRange> {
    const { store, allowHttp } = this.#settings;
    const address = path === this.path ? this.#index : parseAddress(this.#call, path, allowHttp);
    if (!path.startsWith('s3:')) return rangesByHttp(path, address);
    const ofEnvironment = async () => (await loadStores(this.#call, path)).s3Store({ allowHttp });
    this.#store ??= store ? Promise.resolve(store) : ofEnvironment();
    const name = { bucket: address.origin.slice('s3://'.length), key: address.path.slice(1) };
    return rangesOfObject(await this.#store, path, name);
  }
}

/** What may be missing; S3 also forbids those who may not list a bucket to look for what is not there. */
async function ifThere<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    const isMissing = isHoldfastError(error, 'NOT_FOUND');
    if (isMissing || (isHoldfastError(error) && isForbidden(error))) return undefined;
    throw error;
  }
}
