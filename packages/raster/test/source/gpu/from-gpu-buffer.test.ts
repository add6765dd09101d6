import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { dataTypeNames, type RasterArray, type Window } from '#src/model.js';
import { fromArray } from '#src/source/from-array.js';
import { fromGpuBuffer, type GpuBufferRaster } from '#src/source/gpu/from-gpu-buffer.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';
import { bufferWith, fakeDevice, type FakeDevice, type Faults } from './fake-device.js';
import { assertSamePixels, filesOf, laidOut, layouts, samples } from './layouts.js';

const refused = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');
const options = { tileSizePx: 16, threads: 0, compression: 'none', durability: 'atomic' } as const;

async function filesWritten(t: TestContext, source: RasterSource): Promise<unknown> {
  const directory = temporaryDirectory(t);
  await writeTiledVrt(`${directory}/out.vrt`, source, options);
  await source.close?.();
  return filesOf(directory);
}

/** A raster of 6 x 4 tiles of float32 on a device, and the array of its samples. */
function raster(
  faults: Faults = {},
  over: Partial<GpuBufferRaster> = {},
): { device: FakeDevice; source: RasterSource; array: RasterArray; given: GpuBufferRaster } {
  const device = fakeDevice(faults);
  const array = samples('float32', 96 * 64);
  const buffer = bufferWith(device, new Uint8Array(array.buffer));
  const given = { device, buffer, width: 96, height: 64, dataType: 'float32', ...over } as const;
  return { device, source: fromGpuBuffer(given), array, given };
}

const tile = (column: number, row: number): Window => ({
  xPx: column * 16,
  yPx: row * 16,
  widthPx: 16,
  heightPx: 16,
});

test('a raster in a buffer gives the samples that an array gives, however it lies there', async () => {
  for (const { name, shape, dataType, array, bytes, layout } of layouts(['uint8', 'int16'])) {
    const expected = fromArray({ data: array, ...shape });
    // Strips; or copies of rows, of a few at a time.
    for (const stagingBytes of [undefined, 2048]) {
      const device = fakeDevice();
      const buffer = bufferWith(device, bytes);
      const source = fromGpuBuffer({ device, buffer, dataType, stagingBytes, ...shape, ...layout });
      const said = `${name}, ${stagingBytes} bytes of staging`;
      assert.deepEqual(
        { ...source.info, interleave: source.interleave },
        { ...expected.info, interleave: expected.interleave },
        said,
      );
      await assertSamePixels(source, expected, said);
      await source.close?.();
      assert.equal(device.counts.aliveBytes, 0, said);
      assert.ok(device.counts.mostAliveBytes <= (stagingBytes ?? Number.POSITIVE_INFINITY), said);
    }
  }
});

test('a mosaic of a buffer has the bytes of one of an array: index, tiles, manifest', async (t) => {
  for (const interleave of ['band', 'pixel'] as const) {
    const shape = { width: 67, height: 35, bandCount: 3, interleave } as const;
    const { dataType, array, bytes, layout } = laidOut('int16', shape, true);
    const device = fakeDevice();
    const about = { crs: 32632, nodata: -1, transform: [0, 1, 0, 0, 0, -1] } as const;
    const given = { device, buffer: bufferWith(device, bytes), dataType, ...shape, ...layout };
    const written = await filesWritten(t, fromGpuBuffer({ ...given, ...about }));
    assert.deepEqual(
      written,
      await filesWritten(t, fromArray({ data: array, ...shape, ...about })),
    );
  }
});

test('every sample type is read as it is', async () => {
  for (const dataType of dataTypeNames) {
    const shape = { width: 40, height: 9, bandCount: 2, interleave: 'pixel' } as const;
    const { array, bytes, layout } = laidOut(dataType, shape, true);
    const device = fakeDevice();
    const source = fromGpuBuffer({
      device,
      buffer: bufferWith(device, bytes),
      dataType,
      ...shape,
      ...layout,
    });
    const { data } = await source.read({ xPx: 0, yPx: 0, widthPx: 40, heightPx: 9 });
    assert.deepEqual(data, array, dataType);
  }
});

test('a row of tiles is one copy, and a copy a row where a strip does not fit', async (t) => {
  const { device, source } = raster();
  await filesWritten(t, source);
  assert.deepEqual([device.counts.copies, device.counts.reads], [4, 4]);
  const rows = raster({}, { stagingBytes: 4096 });
  await filesWritten(t, rows.source);
  assert.deepEqual([rows.device.counts.copies, rows.device.counts.reads], [24 * 16, 24]);
});

test('what lies far between the rows is not copied with them', async () => {
  const device = fakeDevice();
  const bytesPerRow = 100_000;
  const bytes = Uint8Array.from(
    { length: 10 * bytesPerRow },
    (_, i) => (i % bytesPerRow) + i / 251,
  );
  const given = { device, buffer: bufferWith(device, bytes), width: 64, height: 10 } as const;
  const source = fromGpuBuffer({ ...given, dataType: 'uint8', bytesPerRow });
  const { data } = await source.read({ xPx: 16, yPx: 2, widthPx: 8, heightPx: 8 });
  const wanted = Array.from({ length: 8 }, (_, row) => {
    const first = (row + 2) * bytesPerRow + 16;
    return [...bytes.subarray(first, first + 8)];
  });
  assert.deepEqual([...data], wanted.flat());
  assert.ok(
    device.counts.mostAliveBytes < 1000,
    `${device.counts.mostAliveBytes} bytes of staging`,
  );
});

test('windows in any order, again and again, are right within the bound of staging', async () => {
  const stagingBytes = 2 * 16 * 96 * 4;
  const { device, source, array } = raster({}, { stagingBytes });
  const expected = fromArray({ data: array, width: 96, height: 64 });
  const places = Array.from({ length: 200 }, (_, i) => tile((i * 5) % 6, (i * 7) % 4));
  await Promise.all(
    places.map(async (window) => {
      assert.deepEqual(await source.read(window), await expected.read(window));
    }),
  );
  assert.ok(device.counts.mostAliveBytes <= stagingBytes);
  await source.close?.();
  assert.equal(device.counts.aliveBytes, 0);
});

test('maps that resolve out of order each give their own samples', async () => {
  const { device, source, array } = raster({ holdsMaps: true });
  const expected = fromArray({ data: array, width: 96, height: 64 });
  const windows = [tile(1, 0), tile(2, 1), tile(3, 2)];
  const reads = windows.map((window) => source.read(window));
  await turnsUntil(() => device.maps.length === 3);
  for (const settle of device.maps.toReversed()) settle();
  for (const [index, read] of reads.entries())
    assert.deepEqual(await read, await expected.read(windows[index] as Window));
});

test('a buffer that cannot be read is refused when the source is made', () => {
  const { device, given } = raster();
  const full = given.buffer;
  const wrong: readonly (readonly [RegExp, Partial<GpuBufferRaster>])[] = [
    [/COPY_SRC/u, { buffer: { size: full.size, usage: 8 } }],
    [/end at byte 24576, but the buffer has 24572/u, { buffer: { size: 24_572, usage: 4 } }],
    [/multiple of 4/u, { buffer: { size: 5, usage: 4 }, width: 5, height: 1, dataType: 'uint8' }],
    [/GPUBuffer/u, { buffer: undefined as never }],
    [/GPUDevice/u, { device: {} as never }],
    [/offset/u, { offset: -1 }],
    [/offset/u, { offset: 0.5 }],
    [/bytesPerRow is a whole number of at least 384, not 383/u, { bytesPerRow: 383 }],
    [/rowsPerImage/u, { rowsPerImage: 63 }],
    [/stagingBytes/u, { stagingBytes: 0 }],
    [/data type 'float16'/u, { dataType: 'float16' as never }],
    [/width/u, { width: 0 }],
    [/2 bands|data has 1/u, { bands: [{}, {}] }],
    [/did you mean 'bytesPerRow'/u, { bytesPerrow: 384 } as never],
  ];
  for (const [message, over] of wrong) {
    assert.throws(
      () => fromGpuBuffer({ ...given, device, ...over }),
      (error: Error) => refused(error) && message.test(error.message),
      String(message),
    );
  }
});

/** Turns of the event loop until something holds. */
async function turnsUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Writes, which fails; then looks that nothing is left but the lock, and writes again without the
 * fault.
 */
async function failsThenSucceeds(
  t: TestContext,
  { device, source, array }: ReturnType<typeof raster>,
  message: RegExp,
  mended: () => RasterSource,
  writeOptions: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const directory = temporaryDirectory(t);
  const path = `${directory}/out.vrt`;
  await assert.rejects(
    writeTiledVrt(path, source, { ...options, concurrency: 3, ...writeOptions }),
    (error) => {
      assert.ok(isHoldfastError(error));
      assert.equal(error.code, writeOptions.signal ? 'ABORTED' : 'UPDATER_FAILED');
      assert.equal(error.outcome, 'unchanged');
      assert.match(error.message, message);
      return true;
    },
  );
  assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
  await source.close?.();
  assert.equal(device.counts.aliveBytes, 0);
  await writeTiledVrt(path, mended(), options);
  const expected = await filesWritten(t, fromArray({ data: array, width: 96, height: 64 }));
  assert.deepEqual(filesOf(directory), expected);
}

test('a destroyed buffer is an error that says so', async (t) => {
  const failing = raster();
  (failing.given.buffer as ReturnType<typeof bufferWith>).destroy();
  const again = raster();
  await failsThenSucceeds(t, failing, /destroyed/u, () => again.source);
});

test('a buffer of another device is an error that says so', async (t) => {
  const other = raster();
  const failing = raster({}, { buffer: other.given.buffer });
  await failsThenSucceeds(t, failing, /another device/u, () => other.source);
});

test('without memory for staging the error says what to lower, and there may be memory later', async (t) => {
  const faults = { memoryBytes: 100 };
  const failing = raster(faults);
  await failsThenSucceeds(t, failing, /no memory on the GPU.*Lower stagingBytes/u, () => {
    faults.memoryBytes = 2 ** 28;
    return failing.source;
  });
});

test('a device lost at any read is an error that says why, and another device takes over', async (t) => {
  for (const scopesThrowWhenLost of [false, true]) {
    for (const late of [0, 1]) {
      for (const nth of [1, 20]) {
        const onRead = (device: FakeDevice, read: number): void => {
          if (read === nth) device.lose('unknown', 'the driver has had enough', late);
        };
        const faults = { onRead, scopesThrowWhenLost, destroyThrows: scopesThrowWhenLost };
        const failing = raster(faults, { stagingBytes: 4096 });
        const message = /lost: \(unknown\) the driver has had enough/u;
        await failsThenSucceeds(t, failing, message, () => raster().source);
      }
    }
  }
});

test('a write that a lost device has ended is resumed on another', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/out.vrt`;
  const about = { stagingBytes: 4096, fingerprint: 'noise 1' };
  const onRead = (device: FakeDevice, read: number): void => {
    if (read === 20) device.lose('unknown', '');
  };
  const resuming = { ...options, resume: true, concurrency: 1 };
  const { source, array } = raster({ onRead }, about);
  await assert.rejects(
    writeTiledVrt(path, source, resuming),
    /does not say why|lost: \(unknown\)/u,
  );
  const { resumedTileCount } = await writeTiledVrt(path, raster({}, about).source, resuming);
  assert.equal(resumedTileCount, 19);
  assert.deepEqual(
    filesOf(directory),
    await filesWritten(t, fromArray({ data: array, width: 96, height: 64 })),
  );
});

test('a device that is destroyed between two windows of a strip takes no samples with it', async () => {
  const { device, source, array } = raster();
  const expected = fromArray({ data: array, width: 96, height: 64 });
  await source.read(tile(0, 0));
  device.lose('destroyed', 'no longer needed');
  for (const buffer of device.staging) buffer.destroy();
  assert.deepEqual(await source.read(tile(1, 0)), await expected.read(tile(1, 0)));
  await assert.rejects(source.read(tile(0, 1)), /lost: \(destroyed\) no longer needed/u);
  await source.close?.();
  assert.equal(device.counts.aliveBytes, 0);
});

test('a write is cancelled while a map is pending, and while others wait for staging', async (t) => {
  const failing = raster({ holdsMaps: true }, { stagingBytes: 1024 });
  const cancelling = new AbortController();
  const failed = failsThenSucceeds(t, failing, /./u, () => raster().source, {
    signal: cancelling.signal,
  });
  await turnsUntil(() => failing.device.maps.length === 1);
  cancelling.abort(new Error('enough'));
  await failed;
});

test('a read that is cancelled before it begins asks nothing of the device', async () => {
  const { device, source } = raster();
  for (const window of [tile(0, 0), { xPx: 0, yPx: 0, widthPx: 96, heightPx: 2 }])
    await assert.rejects(source.read(window, AbortSignal.abort(new Error('enough'))), /enough/u);
  assert.equal(device.counts.reads, 0);
});

test('a strip that one reader has left is still read by another', async () => {
  const { device, source, array } = raster({ holdsMaps: true });
  const leaving = new AbortController();
  const left = source.read(tile(0, 0), leaving.signal);
  const stays = source.read(tile(1, 0));
  await turnsUntil(() => device.maps.length === 1);
  leaving.abort(new Error('gone'));
  await assert.rejects(left, /gone/u);
  device.maps[0]?.();
  const expected = fromArray({ data: array, width: 96, height: 64 });
  assert.deepEqual(await stays, await expected.read(tile(1, 0)));
});

test('a strip that all readers have left is ended, and read again', async () => {
  const { device, source, array } = raster({ holdsMaps: true });
  const leaving = new AbortController();
  const left = source.read(tile(0, 0), leaving.signal);
  await turnsUntil(() => device.maps.length === 1);
  leaving.abort(new Error('gone'));
  await assert.rejects(left, /gone/u);
  await source.close?.();
  assert.equal(device.counts.aliveBytes, 0);
  const again = source.read(tile(0, 0));
  await turnsUntil(() => device.maps.length === 2);
  device.maps[1]?.();
  const expected = fromArray({ data: array, width: 96, height: 64 });
  assert.deepEqual(await again, await expected.read(tile(0, 0)));
});

test('reads without a fingerprint are not resumed', async (t) => {
  const path = `${temporaryDirectory(t)}/out.vrt`;
  await assert.rejects(writeTiledVrt(path, raster().source, { ...options, resume: true }), refused);
});
