/**
 * Metaflow's manifest of solved environments: `<local root>/<flow name>/conda.manifest`, JSON
 * objects nested by environment id, platform and type (`conda` or `pypi`), with a list of packages
 * at the end.
 */
import { messageOf } from 'holdfast/errors';
import { join } from 'node:path';
import { HoldfastError, updateJson, type Fs, type JsonObject, type JsonValue } from 'holdfast';
import { getAt, setAt } from 'holdfast/json';
import { checkOptions, checkPath, invalidArgument } from 'holdfast/options';
import { keepAlive, nodeFileSystem } from 'holdfast/os';
import { checkInside, escapes, objectOf, readSharedObject } from './shared-file.js';

/** Where the manifest lies and how long to wait for its lock. */
export interface EnvironmentManifestOptions {
  /**
   * How long to wait for the lock of the manifest, in milliseconds; without it the wait has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** The way to a value: environment id, platform, type. */
export type ManifestKeys = readonly string[];

/**
 * Values that are being computed in this process, by filesystem, then by manifest and keys: as JSON
 * text.
 */
const running = new WeakMap<Fs, Map<string, Promise<string>>>();

export class EnvironmentManifest {
  /** The file. */
  readonly path: string;
  readonly #fs: Fs;
  readonly #timeoutMs: number | undefined;

  /**
   * @param localRoot - Metaflow's local datastore, a directory named `.metaflow` as a rule; made
   *   when it is missing
   * @throws HoldfastError INVALID_ARGUMENT for an unknown option; PATH_ESCAPES for a flow name that
   *   is no plain name
   */
  constructor(localRoot: string, flowName: string, options: EnvironmentManifestOptions = {}) {
    checkOptions('EnvironmentManifest', options, ['timeoutMs', 'fs']);
    checkPath('EnvironmentManifest', localRoot === '' ? '.' : localRoot);
    checkInside(flowName, 'A flow name');
    if (flowName.includes('/')) throw escapes(flowName, 'A flow name');
    this.path = join(localRoot, flowName, 'conda.manifest');
    this.#fs = options.fs ?? nodeFileSystem;
    this.#timeoutMs = options.timeoutMs;
  }

  /**
   * The value at the keys, or `undefined` when the file is missing or empty, or holds nothing
   * there.
   *
   * @throws HoldfastError CORRUPT_DOCUMENT; and as `readJson`
   */
  async read(keys: ManifestKeys): Promise<JsonValue | undefined> {
    checkKeys(keys);
    const manifest = await readSharedObject(this.#fs, this.path);
    return manifest && getAt(manifest, keys);
  }

  /**
   * Writes the value at the keys, and gives it back. Missing levels and directories are made;
   * everything else in the manifest is kept, also what others write at the same time. After success
   * it survives a power loss.
   *
   * @throws HoldfastError CORRUPT_DOCUMENT, also when there is a value in the middle of the way;
   *   UNREPRESENTABLE; and as `updateJson`
   */
  async write<T extends JsonValue>(keys: ManifestKeys, value: T): Promise<T> {
    await this.#update(keys, () => value);
    return value;
  }

  /**
   * The value at the keys; where there is none, `solve` computes it and it is written. Concurrent
   * calls of this process for the same keys share one computation. No lock is held while it runs:
   * if another process has written a value there meanwhile, that one stays, and all calls resolve
   * to it.
   *
   * @throws HoldfastError UPDATER_FAILED when `solve` fails (nothing is written, and the next call
   *   computes again); and as `write`
   */
  async writeIfAbsent(
    keys: ManifestKeys,
    solve: () => JsonValue | Promise<JsonValue>,
  ): Promise<JsonValue> {
    checkKeys(keys);
    const ofFs = running.get(this.#fs) ?? new Map<string, Promise<string>>();
    running.set(this.#fs, ofFs);
    const key = JSON.stringify([this.path, ...keys]);
    let computation = ofFs.get(key);
    if (computation === undefined) {
      computation = this.#readOrSolve(keys, solve).finally(() => ofFs.delete(key));
      ofFs.set(key, computation);
    }
    // Parsed for each caller: a value that several share could be changed by one of them.
    return JSON.parse(await keepAlive(computation)) as JsonValue;
  }

  async #readOrSolve(
    keys: ManifestKeys,
    solve: () => JsonValue | Promise<JsonValue>,
  ): Promise<string> {
    const found = await this.read(keys);
    if (found !== undefined) return JSON.stringify(found);
    const solved = await solveOrFail(solve, this.path);
    return JSON.stringify(await this.#update(keys, (present) => present ?? solved));
  }

  /** Changes the value at the keys under the manifest's lock, and gives back the new one. */
  async #update(
    keys: ManifestKeys,
    change: (present: JsonValue | undefined) => JsonValue,
  ): Promise<JsonValue> {
    checkKeys(keys);
    // A released Metaflow may be writing in place: wait for it, so that its half-written file is no
    // error.
    await readSharedObject(this.#fs, this.path);
    const manifest = await updateJson<JsonValue>(
      this.path,
      (found) => {
        checkLevels(found, keys, this.path);
        const value: JsonValue | undefined = change(getAt(found, keys));
        if (value === undefined) throw invalidArgument('manifest', 'a value cannot be undefined');
        return setAt(found, keys, value);
      },
      { fs: this.#fs, timeoutMs: this.#timeoutMs },
    );
    return getAt(manifest, keys) as JsonValue;
  }
}

async function solveOrFail(
  solve: () => JsonValue | Promise<JsonValue>,
  path: string,
): Promise<JsonValue> {
  try {
    return await solve();
  } catch (cause) {
    throw new HoldfastError('UPDATER_FAILED', {
      message: `The value could not be computed: ${messageOf(cause)}.`,
      step: 'solve',
      path,
      cause,
    });
  }
}

/** Every level on the way is an object or missing; a list would take the key for an index. */
function checkLevels(manifest: JsonValue, keys: ManifestKeys, path: string): void {
  let level: JsonObject | undefined = objectOf(manifest, path);
  for (const key of keys.slice(0, -1)) {
    if (!Object.hasOwn(level, key)) return;
    level = objectOf(level[key], path);
  }
}

function checkKeys(keys: ManifestKeys): void {
  if (Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === 'string'))
    return;
  throw invalidArgument('manifest', 'keys are a list of strings: environment id, platform, type');
}
