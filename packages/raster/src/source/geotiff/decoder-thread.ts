/**
 * The body of a thread that decodes blocks by other packages' decoders, one after another
 * (guest-decoders.ts).
 */
import { messageOf } from 'holdfast/errors';
import { parentPort } from 'node:worker_threads';
import { decodeWebp } from './webp-package.js';

/** A block to decode. */
export interface GuestTask {
  readonly encoded: Uint8Array<ArrayBuffer>;
  readonly compression: number;
  readonly jpegTables: Uint8Array | undefined;
  readonly lercParameters: readonly number[];
  /** Whether the bands of a pixel lie together. */
  readonly isPixelwise: boolean;
  /** Bands that lie together. */
  readonly samplesPerPixel: number;
}

const WEBP = 50001;

/** The bytes of the samples, or what the decoder said. */
export type GuestReply = { readonly bytes: ArrayBuffer } | { readonly message: string };

const port = parentPort;
if (!port) throw new Error('geotiff/decoder-thread.js is the body of a thread');

port.on('message', (task: GuestTask) => {
  void decode(task).then(
    (bytes) => port.postMessage({ bytes } satisfies GuestReply, [bytes]),
    (error: unknown) => {
      const message = messageOf(error);
      port.postMessage({ message } satisfies GuestReply, []);
    },
  );
});

async function decode(task: GuestTask): Promise<ArrayBuffer> {
  if (task.compression === WEBP)
    return decodeWebp(task.encoded, task.samplesPerPixel).buffer as ArrayBuffer;
  const { getDecoder } = await import('geotiff');
  const parameters = {
    planarConfiguration: task.isPixelwise ? 1 : 2,
    // Undone by who asked.
    predictor: 1,
    ...(task.jpegTables && { JPEGTables: task.jpegTables }),
    LercParameters: task.lercParameters,
  };
  const decoder = await getDecoder(
    task.compression,
    parameters as unknown as Parameters<typeof getDecoder>[1],
  );
  const decoded = await decoder.decode(task.encoded.buffer);
  // Memory of WebAssembly cannot move to another thread.
  return new Uint8Array(decoded).slice().buffer;
}
