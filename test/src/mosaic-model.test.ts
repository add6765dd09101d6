/**
 * Whatever is done to a mosaic, in whatever order, it ends as the model says: old or new, whole,
 * and nothing besides.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import test from 'node:test';
import { interceptFs, ModelDisk } from '@holdfast/crashkit';
import {
  fromArray,
  openVrt,
  recoverVrt,
  type RasterSource,
  verifyVrt,
  writeTiledVrt,
} from '@holdfast/raster';
import { type Fs, systemError } from 'holdfast/os';
import { isHoldfastError } from 'holdfast';

const [WIDTH, HEIGHT] = [40, 24];
const PATH = '/d/out.vrt';
const SEEDS = 40;
const STEPS = 8;

const samplesOf = (value: number): Uint16Array =>
  Uint16Array.from({ length: WIDTH * HEIGHT }, (_, index) => value * 1000 + index);
const sourceOf = (value: number): RasterSource =>
  fromArray({ data: samplesOf(value), width: WIDTH, height: HEIGHT });

/** Pseudo-random whole numbers below a limit, the same ones for a seed. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A process that is killed at one of its calls: none of its later ones reaches the disk. */
function mortal(disk: ModelDisk, lastCall: number): { fs: Fs; isDead: () => boolean } {
  const process = disk.process();
  let calls = 0;
  const fs = interceptFs(process, {
    before: () => {
      calls += 1;
      if (calls === lastCall) process.end();
      return calls >= lastCall
        ? { throws: systemError(constants.errno.EIO, 'kill', PATH) }
        : undefined;
    },
  });
  return { fs, isDead: () => calls >= lastCall };
}

async function valueAt(disk: ModelDisk): Promise<number | undefined> {
  const fs = disk.process();
  if (!(await fs.exists(PATH))) return undefined;
  const mosaic = await openVrt(PATH, { fs });
  try {
    const { data } = await mosaic.read();
    const value = Math.floor((data[0] as number) / 1000);
    assert.deepEqual(data, samplesOf(value), 'a mix');
    return value;
  } finally {
    await mosaic.close();
  }
}

interface Choice {
  readonly value: number;
  readonly resume: boolean;
  readonly replace: boolean;
  readonly lastCall: number;
}

/** Makes a write; the value that the mosaic may have then. */
async function write(
  disk: ModelDisk,
  before: number | undefined,
  choice: Choice,
): Promise<readonly (number | undefined)[]> {
  const { fs, isDead } = mortal(disk, choice.lastCall);
  const { value, resume, replace } = choice;
  try {
    await writeTiledVrt(PATH, sourceOf(value), {
      fs,
      tileSizePx: 16,
      overviews: [2, 4],
      resume,
      concurrency: 1,
      ifExists: replace ? 'replace' : 'fail',
      keepPrevious: 1,
      compression: 'none',
    });
    return [value];
  } catch (error) {
    if (isDead()) return [before, value];
    // An index that is there, or the kept work of another value.
    assert.ok(isHoldfastError(error, 'ALREADY_EXISTS'), String(error));
    assert.equal(error.step === 'resume' ? resume : !replace, true, String(error));
    return [before];
  }
}

async function runSequence(seed: number): Promise<string[]> {
  const random = randomOf(seed);
  const disk = new ModelDisk(undefined, { unrecorded: true });
  await disk.process().mkdir('/d');
  const told: string[] = [];
  let current: number | undefined;
  for (let step = 0; step < STEPS; step += 1) {
    const isKilled = random(2) === 0;
    const choice = {
      value: 1 + random(3),
      resume: random(3) > 0,
      replace: random(4) > 0,
      lastCall: isKilled ? 1 + random(220) : Infinity,
    };
    told.push(JSON.stringify(choice));
    const allowed = await write(disk, current, choice);
    if (random(5) === 0) await recoverVrt(PATH, { fs: disk.process(), discard: random(2) === 0 });
    current = await valueAt(disk);
    assert.ok(
      allowed.includes(current),
      `seed ${seed}: ${told.join(' ')}: ${current} is not ${allowed.join(' or ')}`,
    );
    if (current !== undefined) {
      const report = await verifyVrt(PATH, { fs: disk.process(), deep: true });
      assert.deepEqual(report.problems, [], `seed ${seed}: ${told.join(' ')}`);
    }
  }
  const last = { value: 9, resume: false, replace: true, lastCall: Infinity };
  assert.deepEqual(await write(disk, current, last), [9]);
  assert.equal(await valueAt(disk), 9);
  const names = (await disk.process().readDirectory('/d')).map(({ name }) => name);
  const stray = names.filter(
    (name) => !/^out\.vrt(\.lock|\.generations)?$|^out_tiles(\.\d+)?$/u.test(name),
  );
  assert.deepEqual(stray, [], `seed ${seed}: ${told.join(' ')}`);
  assert.ok(names.filter((name) => name.startsWith('out_tiles')).length <= 2, names.join(' '));
  return told;
}

test(`${SEEDS} sequences of writes, overwrites, kills, resumes and verifications end in the model's mosaic`, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) await runSequence(seed);
});
