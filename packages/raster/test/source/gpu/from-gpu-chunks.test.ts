import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { isHoldfastError } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { copyWindow } from '#src/source/copy-window.js';
import { fromArray } from '#src/source/from-array.js';
import { type Cell, cells } from '#src/source/grid.js';
import { fromGpuChunks, type GpuChunk } from '#src/source/gpu/from-gpu-chunks.js';
import { openVrt } from '#src/read/open-vrt.js';
import { mend } from '#src/source/mend.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';
import { bufferWith, fakeDevice, type FakeDevice, type Faults } from './fake-device.js';
import { filesOf, laidOut, samples } from './layouts.js';

const options = { tileSizePx: 16, threads: 0, compression: 'none', durability: 'atomic' } as const;

const size = { width: 96, height: 64 } as const;
const whole = samples('int16', 96 * 64);
const all = { xPx: 0, yPx: 0, widthPx: 96, heightPx: 64 };

interface Lazy {
  readonly device: FakeDevice;
  readonly source: RasterSource;
  readonly computed: string[];
  readonly released: string[];
  /** Chunks on the device at most at one time. */
  mostAlive: number;
}

/** 6 x 4 chunks, each a part of `whole`. */
function lazy(
  faults: Faults = {},
  give: (chunk: Cell, samples: GpuChunk, signal?: AbortSignal) => GpuChunk | Promise<GpuChunk> = (
    _,
    given,
  ) => given,
  over: { readonly stagingBytes?: number; readonly fingerprint?: string } = {},
): Lazy {
  const device = fakeDevice(faults);
  const [computed, released]: [string[], string[]] = [[], []];
  const compute = async (chunk: Cell, signal?: AbortSignal): Promise<GpuChunk> => {
    const name = `${chunk.row},${chunk.column}`;
    computed.push(name);
    made.mostAlive = Math.max(made.mostAlive, computed.length - released.length);
    const { window } = chunk;
    const data = new Int16Array(window.widthPx * window.heightPx);
    copyWindow({ data: whole, window: all }, { data, window }, 1, 'band');
    const buffer = bufferWith(device, new Uint8Array(data.buffer));
    const release = (): void => {
      released.push(name);
      buffer.destroy();
    };
    return give(chunk, { buffer, release }, signal);
  };
  const chunks = { width: 16, height: 16 };
  const dataType = 'int16';
  const source = fromGpuChunks({ device, ...size, dataType, chunks, compute, ...over });
  const made: Lazy = { device, source, computed, released, mostAlive: 0 };
  return made;
}

test('chunks are computed and released once each, and the mosaic is that of an array', async (t) => {
  const directory = temporaryDirectory(t);
  const made = lazy();
  await writeTiledVrt(`${directory}/out.vrt`, made.source, { ...options, concurrency: 3 });
  const names = [...cells(made.source.blocks)].map(({ row, column }) => `${row},${column}`);
  assert.deepEqual(made.computed.toSorted(), names);
  assert.deepEqual(made.released.toSorted(), names);
  assert.ok(made.mostAlive <= 3, `${made.mostAlive} alive`);
  await made.source.close?.();
  assert.equal(made.device.counts.aliveBytes, 0);
  const eager = temporaryDirectory(t);
  await writeTiledVrt(`${eager}/out.vrt`, fromArray({ data: whole, ...size }), options);
  assert.deepEqual(filesOf(directory), filesOf(eager));
});

test('a chunk may lie anywhere in its buffer, by bands or pixels, and need not be released', async () => {
  for (const interleave of ['band', 'pixel'] as const) {
    for (const stagingBytes of [undefined, 256]) {
      const shape = { width: 21, height: 9, bandCount: 3, interleave } as const;
      const { array, bytes, layout } = laidOut('int16', shape, true);
      const device = fakeDevice();
      const buffer = bufferWith(device, bytes);
      const source = fromGpuChunks({
        device,
        ...shape,
        dataType: 'int16',
        chunks: shape,
        stagingBytes,
        compute: () => ({ buffer, ...layout }),
      });
      const pixels = await source.read({ xPx: 0, yPx: 0, widthPx: 21, heightPx: 9 });
      assert.deepEqual([pixels.data, pixels.interleave], [array, interleave]);
    }
  }
});

test('a bare buffer is a chunk', async () => {
  const device = fakeDevice();
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const source = fromGpuChunks({
    device,
    width: 3,
    height: 2,
    dataType: 'uint8',
    chunks: { width: 3, height: 2 },
    compute: () => bufferWith(device, bytes),
  });
  const { data } = await source.read({ xPx: 0, yPx: 0, widthPx: 3, heightPx: 2 });
  assert.deepEqual(data, bytes);
});

test('windows that are no chunks are put together, and each chunk is computed once', async (t) => {
  const made = lazy();
  const window = { xPx: 5, yPx: 5, widthPx: 80, heightPx: 50 };
  const part = mend(made.source, { window });
  const directory = temporaryDirectory(t);
  await writeTiledVrt(`${directory}/out.vrt`, part, options);
  const expected = mend(fromArray({ data: whole, ...size }), { window });
  const inside = { xPx: 0, yPx: 0, widthPx: 80, heightPx: 50 };
  const mosaic = await openVrt(`${directory}/out.vrt`);
  assert.deepEqual((await mosaic.read()).data, (await expected.read(inside)).data);
  await mosaic.close();
  assert.equal(new Set(made.computed).size, made.computed.length);
  assert.deepEqual(made.released.toSorted(), made.computed.toSorted());
});

test('what compute throws reaches the caller, and every chunk that was computed is released', async (t) => {
  const enough = new Error('the shader is wrong');
  const made = lazy({}, (chunk, given) => {
    if (chunk.row < 2) return given;
    void given.release?.();
    throw enough;
  });
  const directory = temporaryDirectory(t);
  await assert.rejects(writeTiledVrt(`${directory}/out.vrt`, made.source, options), (error) => {
    assert.ok(isHoldfastError(error, 'UPDATER_FAILED'));
    assert.deepEqual([error.cause, error.outcome], [enough, 'unchanged']);
    return true;
  });
  assert.deepEqual(made.released.toSorted(), made.computed.toSorted());
  assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
});

test('a chunk that cannot be read is named, and released', async () => {
  const wrong: readonly (readonly [RegExp, (given: GpuChunk) => GpuChunk])[] = [
    [/row 1, column 2.*COPY_SRC/u, (given) => ({ ...given, buffer: { size: 512, usage: 8 } })],
    [/row 1, column 2.*has 500/u, (given) => ({ ...given, buffer: { size: 500, usage: 4 } })],
    [/row 1, column 2.*bytesPerRow/u, (given) => ({ ...given, bytesPerRow: 31 })],
    [/row 1, column 2.*GPUBuffer/u, (given) => ({ ...given, buffer: undefined as never })],
  ];
  for (const [message, spoil] of wrong) {
    const made = lazy({}, (_, given) => spoil(given));
    const read = made.source.read({ xPx: 32, yPx: 16, widthPx: 16, heightPx: 16 });
    await assert.rejects(read, (error: Error) => {
      assert.ok(isHoldfastError(error, 'INVALID_ARGUMENT'));
      return message.test(error.message);
    });
    assert.deepEqual(made.released, ['1,2']);
  }
});

test('a lost device is told, whatever compute says, every chunk is released, and another device resumes', async (t) => {
  for (const fails of [false, true]) {
    const directory = temporaryDirectory(t);
    const path = `${directory}/out.vrt`;
    const resuming = { ...options, resume: true, concurrency: 1 };
    const about = { fingerprint: 'noise' };
    const onRead = (device: FakeDevice, read: number): void => {
      if (read === 10) device.lose('unknown', 'gone');
    };
    const made = lazy(
      fails ? {} : { onRead },
      (chunk, given) => {
        if (!fails || chunk.row < 2) return given;
        made.device.lose('unknown', 'gone');
        void given.release?.();
        throw new Error('no pipeline');
      },
      about,
    );
    await assert.rejects(writeTiledVrt(path, made.source, resuming), /lost: \(unknown\) gone/u);
    assert.deepEqual(made.released.toSorted(), made.computed.toSorted());
    await made.source.close?.();
    assert.equal(made.device.counts.aliveBytes, 0);
    const again = lazy({}, undefined, about);
    const { resumedTileCount } = await writeTiledVrt(path, again.source, resuming);
    assert.equal(resumedTileCount, fails ? 12 : 9);
    assert.equal(again.computed.length, 24 - resumedTileCount);
  }
});

test('a write that is cancelled while chunks are computed or read releases each of them', async (t) => {
  for (const faults of [{}, { holdsMaps: true }]) {
    const cancelling = new AbortController();
    const made: Lazy = lazy(faults, async (chunk, given) => {
      if (chunk.column === 2) {
        if (faults.holdsMaps) while (made.device.maps.length < 2) await turn();
        cancelling.abort(new Error('enough'));
      }
      return given;
    });
    const directory = temporaryDirectory(t);
    await assert.rejects(
      writeTiledVrt(`${directory}/out.vrt`, made.source, {
        ...options,
        concurrency: 3,
        signal: cancelling.signal,
      }),
      (error) => isHoldfastError(error, 'ABORTED'),
    );
    assert.deepEqual(made.released.toSorted(), made.computed.toSorted());
    assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
    await made.source.close?.();
    assert.equal(made.device.counts.aliveBytes, 0);
  }
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('what release throws is the error of the write, unless there was one before', async () => {
  const failing = (): never => {
    throw new Error('released twice');
  };
  const window = { xPx: 0, yPx: 0, widthPx: 16, heightPx: 16 };
  const made = lazy({}, (_, given) => ({ ...given, release: failing }));
  await assert.rejects(made.source.read(window), /released twice/u);
  const worse = lazy({}, (_, given) => ({ ...given, bytesPerRow: 1, release: failing }));
  await assert.rejects(worse.source.read(window), /bytesPerRow/u);
});

test('a chunk larger than a buffer of the device is refused, with the limit to ask for', () => {
  const device = fakeDevice({ maxBufferSize: 1000 });
  const compute = () => ({ size: 4, usage: 4 });
  const about = { ...size, dataType: 'int16', device, compute } as const;
  assert.throws(
    () => fromGpuChunks({ ...about, chunks: { width: 96, height: 64 } }),
    /12288 bytes.*requiredLimits: \{ maxBufferSize: 12288 \}/u,
  );
  assert.throws(
    () => fromGpuChunks({ ...about, chunks: { width: [50], height: 64 } }),
    (error: Error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT') && /fromGpuChunks/u.test(error.message),
  );
});
