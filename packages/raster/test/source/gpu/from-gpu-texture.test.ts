import assert from 'node:assert/strict';
import test from 'node:test';
import { isHoldfastError } from 'holdfast';
import { dataTypes } from '#src/model.js';
import { fromArray } from '#src/source/from-array.js';
import { fromGpuTexture } from '#src/source/gpu/from-gpu-texture.js';
import type { GpuTexture } from '#src/source/gpu/webgpu.js';
import { fakeDevice, type FakeTexture, textureWith } from './fake-device.js';
import { formats } from './formats.js';
import { assertSamePixels, samples } from './layouts.js';

test('texels of every format give the samples that an array gives, by channels and by layers', async () => {
  for (const [format, dataType, channelCount, elements] of formats) {
    for (const layerCount of channelCount === 1 ? [1, 3] : [1]) {
      for (const stagingBytes of [undefined, 1024]) {
        const [width, height] = [67, 35];
        const bandCount = channelCount * layerCount;
        const data = samples(dataType, width * height * bandCount);
        const interleave = channelCount > 1 ? 'pixel' : 'band';
        const expected = fromArray({ data, width, height, bandCount, interleave, elements });
        const device = fakeDevice();
        const size = { width, height, depthOrArrayLayers: layerCount };
        const texture = textureWith(format, size, new Uint8Array(data.buffer));
        const source = fromGpuTexture({ device, texture, stagingBytes });
        const said = `${format}, ${layerCount} layers, ${stagingBytes} bytes of staging`;
        assert.deepEqual(source.info, expected.info, said);
        await assertSamePixels(source, expected, said);
        await source.close?.();
        assert.equal(device.counts.aliveBytes, 0, said);
      }
    }
  }
});

test('a tile of a texture is one copy, whatever its layers', async () => {
  const device = fakeDevice();
  const data = samples('uint8', 64 * 64 * 3);
  const size = { width: 64, height: 64, depthOrArrayLayers: 3 };
  const texture: FakeTexture = textureWith('r8uint', size, new Uint8Array(data.buffer));
  const source = fromGpuTexture({ device, texture });
  await source.read({ xPx: 32, yPx: 32, widthPx: 32, heightPx: 32 });
  assert.equal(device.counts.copies, 1);
});

test('a texture that is no raster, or cannot be read, is refused by name', () => {
  const device = fakeDevice();
  const bytes = new Uint8Array(16);
  const size = { width: 2, height: 2, depthOrArrayLayers: 1 };
  const texture = textureWith('rgba8uint', size, bytes);
  const wrong: readonly (readonly [RegExp, Partial<GpuTexture> | undefined])[] = [
    [/COPY_SRC/u, { usage: 2 }],
    [/texels of bgra8unorm/u, { format: 'bgra8unorm' }],
    [/texels of rgba8unorm-srgb/u, { format: 'rgba8unorm-srgb' }],
    [/texels of depth32float/u, { format: 'depth32float' }],
    [/texels of r16unorm/u, { format: 'r16unorm' }],
    [/texels of r8float/u, { format: 'r8float' }],
    [/texels of bc1-rgba-unorm/u, { format: 'bc1-rgba-unorm' }],
    [/2d, not of 3d/u, { dimension: '3d' }],
    [/4 samples a texel/u, { sampleCount: 4 }],
    [/4 channels and 2 layers/u, { depthOrArrayLayers: 2 }],
    [/GPUTexture/u, { format: undefined as never }],
  ];
  for (const [message, over] of wrong) {
    assert.throws(
      () => fromGpuTexture({ device, texture: { ...texture, ...over } }),
      (error: Error) => isHoldfastError(error, 'INVALID_ARGUMENT') && message.test(error.message),
      String(message),
    );
  }
  assert.ok(Object.hasOwn(dataTypes, fromGpuTexture({ device, texture }).info.dataType));
});
