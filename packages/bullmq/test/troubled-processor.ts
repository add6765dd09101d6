/**
 * A processor whose source does what the note of the session says, once it is read for the tiles of
 * the last part; and counts there, a line each time, that it was.
 */
import { once } from 'node:events';
import { appendFileSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mosaicProcessor } from '@holdfast/bullmq';
import { fromArray, type RasterSource } from '@holdfast/raster';

/** What happens at the last tile, as the note of a session. */
export interface Trouble {
  /** A folder for the marks. */
  readonly folder: string;
  /** How often the worker and the process of the part are killed; 0 by default. */
  readonly kills?: number;
  /** It fails until there is a file `mended` in the folder. */
  readonly failsUntilMended?: boolean;
  /** It keeps its thread busy until there is a file `released` in the folder, or no folder. */
  readonly isBusyUntilReleased?: boolean;
  /**
   * The first time, its process holds the fifo `alive` in the folder open for as long as it lives,
   * which tells when it is gone.
   */
  readonly showsLife?: boolean;
  /** The first time, it waits until it is told to end. */
  readonly waitsForSignal?: boolean;
}

export const WIDTH = 64;
const samples = Float32Array.from({ length: WIDTH * WIDTH }, (_, index) => Math.sin(index) * 1000);

/** The samples of all mosaics here: four tiles of 32. */
export function wholeSource(): RasterSource {
  return fromArray({ data: samples, width: WIDTH, height: WIDTH });
}

/** How often the last tile was asked for. */
export function readCount({ folder }: Trouble): number {
  const path = join(folder, 'reads');
  return existsSync(path) ? readFileSync(path, 'utf8').length : 0;
}

export function troubledSource(trouble: Trouble): RasterSource {
  const whole = wholeSource();
  return {
    ...whole,
    fingerprint: () => whole.fingerprint!(),
    read: async (window, signal, ...more) => {
      const { xPx, yPx } = window;
      if (xPx === WIDTH / 2 && yPx === WIDTH / 2) await suffer(trouble, signal);
      return whole.read(window, signal, ...more);
    },
  };
}

async function suffer(trouble: Trouble, signal: AbortSignal | undefined): Promise<void> {
  const { folder, kills = 0, failsUntilMended, isBusyUntilReleased } = trouble;
  appendFileSync(join(folder, 'reads'), '.');
  if (readCount(trouble) <= kills) {
    process.kill(process.ppid, 'SIGKILL');
    process.kill(process.pid, 'SIGKILL');
  }
  if (failsUntilMended && !existsSync(join(folder, 'mended'))) throw new Error('it is broken');
  if (readCount(trouble) === 1) {
    if (trouble.showsLife) openSync(join(folder, 'alive'), 'w');
    if (trouble.waitsForSignal) await once(signal!, 'abort');
    signal?.throwIfAborted();
  }
  const isReleased = (): boolean =>
    !isBusyUntilReleased || existsSync(join(folder, 'released')) || !existsSync(folder);
  while (!isReleased()) {
    // The event loop of this process does not turn meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

export default mosaicProcessor({
  source: async (note) => troubledSource(note as never),
  threads: 0,
}) as unknown;
