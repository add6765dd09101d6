/**
 * Overwrites an existing file where it is, for targets that cannot be replaced whole. **Not crash safe**: between the
 * first write and the last sync a crash leaves a mix of old and new, and so does a full disk. Only for callers who ask.
 *
 * 1. open the existing file, which keeps its owner, mode, attributes and links
 * 2. the mode, if the caller names one, before the first byte
 * 3. write all from its beginning
 * 4. cut what the old content had more
 * 5. fsync
 */
import { HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs, FsFile } from '../os/fs.js';
import { writeData, type FileData } from '../stage/file-data.js';
import type { Durability, StagedFile } from '../stage/staged-file.js';

const COPY_BYTES = 1024 * 1024;

export interface OverwriteOptions {
  readonly durability?: Durability | undefined;
  readonly mode?: number | undefined;
  readonly secret?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Overwrites the target with the content of a stage, which is complete: only the copy itself can fail. */
export async function overwriteFromStage(
  fs: Fs,
  staged: StagedFile,
  options: OverwriteOptions,
): Promise<void> {
  const source = await open(fs, staged.path, 'read');
  try {
    await overwriteInPlace(fs, staged.target, chunksOf(source), options);
  } finally {
    await source.close();
  }
}

/** @throws HoldfastError with outcome `unknown` from the first write on */
export async function overwriteInPlace(
  fs: Fs,
  path: string,
  data: FileData,
  options: OverwriteOptions,
): Promise<void> {
  const file = await open(fs, path, 'write');
  try {
    const mode = options.mode ?? (options.secret ? 0o600 : undefined);
    if (mode !== undefined) await file.chmod(mode);
    const sizeBytes = await writeData(file, data, options.signal);
    await file.truncate(sizeBytes);
    if ((options.durability ?? 'durable') === 'durable') await file.sync();
  } catch (error) {
    throw mixed(path, error);
  } finally {
    await file.close();
  }
}

async function open(fs: Fs, path: string, access: 'read' | 'write'): Promise<FsFile> {
  try {
    return await fs.open(path, { access, noFollow: true });
  } catch (error) {
    throw failure('open', path, error);
  }
}

async function* chunksOf(file: FsFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(COPY_BYTES);
  for (let offsetBytes = 0; ;) {
    const count = await file.read(buffer, offsetBytes);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    offsetBytes += count;
  }
}

/** The same code, with the truth about what may be on disk. */
function mixed(path: string, error: unknown): HoldfastError {
  const { code, step } = failure('write', path, error);
  return new HoldfastError(code, {
    message:
      'The file was being overwritten in place, and may hold a mix of old and new. Write it again.',
    outcome: 'unknown',
    step,
    path,
    cause: error,
  });
}
