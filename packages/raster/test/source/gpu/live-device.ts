/**
 * Writes a mosaic from a device that stays alive, and comes to its end with a status of its own.
 */
import { fromGpuBuffer } from '#src/source/gpu/from-gpu-buffer.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';
import { bufferOn, newDevice } from './driver.js';

const device = await newDevice();
const buffer = bufferOn(device, new Uint8Array(64 * 64));
const source = fromGpuBuffer({ device, buffer, width: 64, height: 64, dataType: 'uint8' });
await writeTiledVrt(process.argv[2] as string, source, { tileSizePx: 16 });
console.log('written');
process.exitCode = 7;
