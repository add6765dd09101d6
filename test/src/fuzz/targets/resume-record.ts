/** The record of a write that may be resumed, with the stage that it speaks of. */
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isHoldfastError } from 'holdfast';
import { fromArray, type RasterSource, recoverVrt, writeTiledVrt } from '@holdfast/raster';
import type { FuzzTarget } from '../target.js';

const SIDE_PX = 48;
const CHECK_DIGITS = 16;
let fixture = '';

/** Nine tiles; with `failing`, the source is gone before the last ones. */
function source(failing: boolean): RasterSource {
  const data = Uint8Array.from({ length: SIDE_PX * SIDE_PX }, (_, at) => at);
  const whole = fromArray({ data, width: SIDE_PX, height: SIDE_PX });
  let reads = 0;
  return {
    ...whole,
    read: async (...args) => {
      reads += 1;
      if (failing && reads > 6) throw new Error('the source is gone');
      return whole.read(...args);
    },
  };
}

const write = async (index: string, failing: boolean): Promise<unknown> =>
  writeTiledVrt(index, source(failing), {
    tileSizePx: 16,
    threads: 0,
    concurrency: 1,
    resume: true,
    durability: 'atomic',
  });

export const resumeRecord: FuzzTarget = {
  fileName: 'm.vrt.resume',
  words: [
    '"name":"../a"',
    '"empty":true',
    '"tilesName":"m_tiles"',
    '"tilesName":".."',
    '{}',
    'null',
    '\n',
    '[]',
  ],
  async seeds(directory) {
    fixture = join(directory, 'kept');
    const made = join(directory, 'made');
    mkdirSync(made);
    await write(join(made, 'm.vrt'), true).catch((error: unknown) => {
      if (!isHoldfastError(error)) throw error;
    });
    cpSync(made, fixture, { recursive: true });
    return [readFileSync(join(made, 'm.vrt.resume'))];
  },
  /** Each line begins with the checksum of the rest. */
  repair(input) {
    const lines = Buffer.from(input).toString('utf8').split('\n');
    const repaired = lines.map((line, at) => {
      const text = line.slice(CHECK_DIGITS + 1);
      // Some stay as they are, torn.
      if (text === '' || at % 5 === 4) return line;
      const check = createHash('sha256').update(text).digest('hex').slice(0, CHECK_DIGITS);
      return `${check} ${text}`;
    });
    return Buffer.from(repaired.join('\n'));
  },
  async read(path) {
    const room = join(fixture, '..', 'room');
    rmSync(room, { recursive: true, force: true });
    cpSync(fixture, room, { recursive: true });
    copyFileSync(path, join(room, 'm.vrt.resume'));
    await recoverVrt(room, { dryRun: true });
    await write(join(room, 'm.vrt'), false);
  },
};
