/**
 * Writes one object of a name that nobody else uses, of any length, in bounded memory: what fits
 * into a part in one request, what does not in parts. Every request may be repeated, since the
 * bytes are always the same.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { types } from 'node:util';
import { HoldfastError } from 'holdfast';
import { unanswered } from '../document/store-errors.js';
import { urlOf } from '../s3-url.js';
import type { ObjectName, UploadedPart } from '../store/object-store.js';
import { insist, type DirectoryPlace } from './place.js';

/** What a file holds. */
export type ObjectData = string | Uint8Array | AsyncIterable<Uint8Array | string>;

/** What was written. */
export interface WrittenObject {
  readonly sizeBytes: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
  /** As the store has told it; `undefined` of one in parts, of which stores tell several. */
  readonly etag: string | undefined;
}

/**
 * A part; Amazon S3, "Multipart upload limits": 5 MiB at least, and 10 000 parts at most, so that
 * they grow.
 */
const PART_BYTES = 8 * 2 ** 20;
const PARTS_OF_A_SIZE = 1000;

/** @throws HoldfastError STORE_FAILED, ABORTED; what the data throws, as it is */
export async function writeObject(
  place: DirectoryPlace,
  name: ObjectName,
  data: ObjectData,
  contentType?: string,
): Promise<WrittenObject> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let upload: Upload | undefined;
  try {
    for await (const { bytes, isLast } of piecesOf(data)) {
      hash.update(bytes);
      sizeBytes += bytes.length;
      if (isLast && upload === undefined) {
        const etag = await putWhole(place, name, bytes, contentType);
        return { sizeBytes, sha256: hash.digest('hex'), etag };
      }
      upload ??= await Upload.begin(place, name, contentType);
      await upload.put(bytes);
    }
    await upload?.complete(sizeBytes);
    return { sizeBytes, sha256: hash.digest('hex'), etag: undefined };
  } catch (error) {
    await upload?.abort();
    throw error;
  }
}

async function putWhole(
  place: DirectoryPlace,
  name: ObjectName,
  bytes: Buffer,
  contentType: string | undefined,
): Promise<string | undefined> {
  const headers = { contentType };
  const written = await insist(place, { step: 'write', name }, (signal) =>
    place.store.put(name, bytes, { headers, signal }),
  );
  return written.outcome === 'committed' ? written.etag : undefined;
}

/** An object that comes in parts. */
class Upload {
  readonly #place: DirectoryPlace;
  readonly #name: ObjectName;
  readonly #uploadId: string;
  readonly #parts: UploadedPart[] = [];

  private constructor(place: DirectoryPlace, name: ObjectName, uploadId: string) {
    this.#place = place;
    this.#name = name;
    this.#uploadId = uploadId;
  }

  static async begin(
    place: DirectoryPlace,
    name: ObjectName,
    contentType: string | undefined,
  ): Promise<Upload> {
    const headers = { contentType };
    const { uploadId } = await insist(place, { step: 'write', name }, (signal) =>
      place.store.createUpload(name, { headers, signal }),
    );
    return new Upload(place, name, uploadId);
  }

  async put(bytes: Buffer): Promise<void> {
    const { store } = this.#place;
    const partNumber = this.#parts.length + 1;
    const at = { uploadId: this.#uploadId, partNumber };
    const step = { step: 'write', name: this.#name };
    const part = await insist(this.#place, step, (signal) =>
      store.putPart(this.#name, at, bytes, { signal }),
    );
    if (part.outcome !== 'committed') throw noPart(this.#name, part);
    this.#parts.push({ partNumber, etag: part.etag });
  }

  /** Of a repetition some stores say that there is no such upload: then the object is there. */
  async complete(sizeBytes: number): Promise<void> {
    const { store } = this.#place;
    const step = { step: 'write', name: this.#name };
    let isRepeated = false;
    try {
      await insist(this.#place, step, async (signal) => {
        const written = await store.completeUpload(this.#name, this.#uploadId, this.#parts, {
          signal,
        });
        isRepeated ||= written.outcome === 'unknown';
        return written;
      });
    } catch (error) {
      const there = isRepeated ? await store.head(this.#name) : undefined;
      if (there?.outcome !== 'found' || there.sizeBytes !== sizeBytes) throw error;
    }
  }

  /** As far as the store lets us; what a rule of the bucket removes otherwise. */
  async abort(): Promise<void> {
    await this.#place.store.abortUpload(this.#name, this.#uploadId);
  }
}

function noPart(name: ObjectName, cause: unknown): HoldfastError {
  return unanswered('write', urlOf(name), cause);
}

interface Piece {
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/** The data in pieces of the length of parts; one of them at least, and the last may be shorter. */
async function* piecesOf(data: ObjectData): AsyncGenerator<Piece> {
  let parts = 0;
  let chunks: Buffer[] = [];
  let length = 0;
  const wanted = (): number => PART_BYTES * 2 ** Math.floor(parts / PARTS_OF_A_SIZE);
  for await (const chunk of chunksOf(data)) {
    chunks.push(chunk);
    length += chunk.length;
    // What is exactly a part long may be the last.
    while (length > wanted()) {
      const all = joined(chunks);
      const size = wanted();
      yield { bytes: all.subarray(0, size), isLast: false };
      parts += 1;
      chunks = [all.subarray(size)];
      length = all.length - size;
    }
  }
  yield { bytes: joined(chunks), isLast: true };
}

/** Without a copy, where there is one: it may be all of the data. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}

async function* chunksOf(data: ObjectData): AsyncGenerator<Buffer> {
  if (typeof data === 'string') yield Buffer.from(data);
  else if (types.isUint8Array(data))
    yield Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  else for await (const chunk of data) yield Buffer.from(chunk as Uint8Array);
}
