/**
 * What a compression does, whoever does it: a system library, Node's own zlib, or plain JavaScript.
 * A codec belongs to the thread that opened it and reuses its state and scratch memory; it is never
 * shared with another thread.
 */

/** The shape of what a codec is given; only codecs that look at the samples (LERC) need it. */
export interface BlockShape {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly samplesPerPixel: number;
}

/**
 * Refuses samples that are not just those of the shape: native code counts them by the shape,
 * whatever room there is.
 *
 * @throws Error when the bytes are more or fewer
 */
export function checkSampleBytes(
  codec: string,
  samples: Uint8Array,
  { widthPx, heightPx, samplesPerPixel }: BlockShape,
  bytesPerSample: number,
): void {
  const expected = widthPx * heightPx * samplesPerPixel * bytesPerSample;
  if (samples.length === expected) return;
  throw damagedBlock(codec, `${samples.length} bytes are not its ${expected} bytes of samples`);
}

/** One compression at one level, open for use by one thread. */
export interface Codec {
  /** The most bytes that {@link compress} can need for an input of this size. */
  boundBytes(inputBytes: number): number;
  /**
   * Compresses all of `input` to the start of `output`, which has room for the bound; returns the
   * bytes written.
   */
  compress(input: Uint8Array, output: Uint8Array, shape: BlockShape): number;
  /**
   * Fills `output`, whose length is the exact size of the original.
   *
   * @throws Error when the input is damaged or holds another number of bytes
   */
  decompress(input: Uint8Array, output: Uint8Array, shape: BlockShape): void;
  /** Frees what the codec holds outside the JavaScript heap. It must not be used after. */
  close(): void;
}

/** The error of a block that does not hold what it should. */
export function damagedBlock(codec: string, detail: string): Error {
  return new Error(`a ${codec} block is damaged: ${detail}`);
}
