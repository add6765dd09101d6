/**
 * The log of a block device: what was written in which order, when the device was told to flush,
 * and the marks.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

export const BLOCK_BYTES = 4096;

export type BlockRecord =
  | { readonly kind: 'write'; readonly offsetBytes: number; readonly data: Buffer }
  | { readonly kind: 'zero'; readonly offsetBytes: number; readonly lengthBytes: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'mark'; readonly label: string };

const letters = { write: 'W', zero: 'Z', flush: 'F', mark: 'M' } as const;
const HEADER_BYTES = 13;

/** Appends records to a file. */
export class BlockLogWriter {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'w');
  }

  append(record: BlockRecord): void {
    const payload = payloadOf(record);
    const header = Buffer.alloc(HEADER_BYTES);
    header.write(letters[record.kind], 0);
    header.writeDoubleBE('offsetBytes' in record ? record.offsetBytes : 0, 1);
    header.writeUInt32BE(record.kind === 'zero' ? record.lengthBytes : payload.length, 9);
    writeSync(this.#fd, Buffer.concat([header, payload]));
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The records of a log. */
export function parseBlockLog(log: Buffer): BlockRecord[] {
  const records: BlockRecord[] = [];
  for (let at = 0; at < log.length;) {
    const letter = log.toString('latin1', at, at + 1);
    const offsetBytes = log.readDoubleBE(at + 1);
    const lengthBytes = log.readUInt32BE(at + 9);
    const payloadBytes = letter === 'Z' ? 0 : lengthBytes;
    const data = log.subarray(at + HEADER_BYTES, at + HEADER_BYTES + payloadBytes);
    at += HEADER_BYTES + payloadBytes;
    if (letter === 'W') records.push({ kind: 'write', offsetBytes, data });
    else if (letter === 'Z') records.push({ kind: 'zero', offsetBytes, lengthBytes });
    else if (letter === 'F') records.push({ kind: 'flush' });
    else records.push({ kind: 'mark', label: data.toString() });
  }
  return records;
}

function payloadOf(record: BlockRecord): Buffer {
  if (record.kind === 'write') return record.data;
  return record.kind === 'mark' ? Buffer.from(record.label) : Buffer.alloc(0);
}
