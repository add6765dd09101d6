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
import type {
  Condition,
  ObjectName,
  PutOptions,
  UploadedPart,
  Written,
} from '../store/object-store.js';
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

/** What is said of a file beside its bytes. */
export interface ObjectFacts {
  readonly contentType?: string | undefined;
  /** What its bytes must have; then the object says so too. */
  readonly sha256?: string | undefined;
  /** What else the object says, where it does not say that. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * The metadata by which an object says the checksum of its bytes. It is of the same request as
 * these, so whoever writes other bytes does not keep it.
 */
const CHECKSUM = 'holdfast-sha256';

/**
 * Whether what is there has these bytes, by what it says itself; `etag` is that by which it was
 * listed.
 *
 * @throws HoldfastError STORE_FAILED, ABORTED
 */
export async function isThere(
  place: DirectoryPlace,
  name: ObjectName,
  { etag, sha256 }: { readonly etag: string; readonly sha256: string },
): Promise<boolean> {
  const found = await insist(place, { step: 'resume', name }, (signal) =>
    place.store.head(name, { signal }),
  );
  return found.outcome === 'found' && found.etag === etag && found.metadata[CHECKSUM] === sha256;
}

/**
 * @throws HoldfastError STORE_FAILED, ABORTED; CORRUPT_DOCUMENT for data that has not the checksum,
 *   of which no object is made; what the data throws, as it is
 */
export async function writeObject(
  place: DirectoryPlace,
  name: ObjectName,
  data: ObjectData,
  facts: ObjectFacts = {},
): Promise<WrittenObject> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let upload: Upload | undefined;
  try {
    for await (const { bytes, isLast } of piecesOf(data)) {
      hash.update(bytes);
      sizeBytes += bytes.length;
      if (isLast && upload === undefined) {
        const sha256 = checked(name, hash.digest('hex'), facts);
        return { sizeBytes, sha256, etag: await putWhole(place, name, bytes, facts) };
      }
      upload ??= await Upload.begin(place, name, facts);
      await upload.put(bytes);
    }
    const sha256 = checked(name, hash.digest('hex'), facts);
    await upload?.complete(sizeBytes);
    return { sizeBytes, sha256, etag: undefined };
  } catch (error) {
    await upload?.abort();
    throw error;
  }
}

function checked(name: ObjectName, found: string, { sha256 = found }: ObjectFacts): string {
  if (found === sha256) return found;
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The data of the file has another checksum than it was said to have. Make it again. Said: ${sha256}, found: ${found}.`,
    step: 'write',
    path: urlOf(name),
  });
}

function toldOf({
  contentType,
  sha256,
  metadata,
}: ObjectFacts): Pick<PutOptions, 'headers' | 'metadata'> {
  const checksum = sha256 !== undefined && { metadata: { [CHECKSUM]: sha256 } };
  return { headers: { contentType }, ...(metadata && { metadata }), ...checksum };
}

async function putWhole(
  place: DirectoryPlace,
  name: ObjectName,
  bytes: Buffer,
  facts: ObjectFacts,
): Promise<string | undefined> {
  const written = await insist(place, { step: 'write', name }, (signal) =>
    place.store.put(name, bytes, { ...toldOf(facts), signal }),
  );
  return written.outcome === 'committed' ? written.etag : undefined;
}

/** An object that comes in parts. */
export class Upload {
  readonly #place: DirectoryPlace;
  readonly #name: ObjectName;
  readonly #uploadId: string;
  readonly #parts: UploadedPart[] = [];

  private constructor(place: DirectoryPlace, name: ObjectName, uploadId: string) {
    this.#place = place;
    this.#name = name;
    this.#uploadId = uploadId;
  }

  static async begin(place: DirectoryPlace, name: ObjectName, facts: ObjectFacts): Promise<Upload> {
    const { uploadId } = await insist(place, { step: 'write', name }, (signal) =>
      place.store.createUpload(name, { ...toldOf(facts), signal }),
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

  /** Puts them together, in one request whose answer is not judged. */
  commit(condition: Condition): Promise<Written> {
    return this.#place.store.completeUpload(this.#name, this.#uploadId, this.#parts, { condition });
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
export async function* piecesOf(data: ObjectData): AsyncGenerator<Piece> {
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
