/**
 * GDAL as the judge of tile files. All files of one sample type go side by side into one VRT, which
 * GDAL translates to raw samples: one run of GDAL a type, and every byte compared.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { compressions, type CompressionName } from '#src/codec/compressions.js';
import {
  dataTypeNames,
  dataTypes,
  type DataType,
  type Interleave,
  type Pixels,
} from '#src/model.js';
import { encodeTile } from './encode-tile.js';
import { tileFormat, type TileOptions } from '#src/tiff/tile-format.js';

const WIDTH_PX = 150;
const HEIGHT_PX = 40;
const BANDS = 3;
/** GDAL 3.6 reads signed bytes as `Byte` with a note; Int8 came with 3.7. */
const gdalTypeOf = (dataType: DataType): string =>
  dataType === 'int8' ? 'Byte' : dataTypes[dataType].gdalName;
/** LZ4 has no registered tag, and GDAL does not read it. */
const read: readonly CompressionName[] = ['none', 'deflate', 'zstd', 'lzw', 'packbits', 'lerc'];

/** A slope with noise, the extremes of the type, and for floats some `NaN`; plane after plane. */
function samplesOf(dataType: DataType): Pixels {
  const { array: Samples, bytes, sampleFormat } = dataTypes[dataType];
  const data = new Samples(WIDTH_PX * HEIGHT_PX * BANDS);
  const raw = new Uint8Array(data.buffer);
  for (let i = 0; i < data.length; i += 1) {
    if (sampleFormat === 3) data[i] = i % 97 === 0 ? NaN : Math.round(i * 100 + (i % 7) * 3) / 100;
    else
      for (let byte = 0; byte < bytes; byte += 1) raw[i * bytes + byte] = (i * 31 + byte * i) >> 3;
  }
  if (sampleFormat !== 3) raw.fill(0xff, 0, bytes * 5);
  return { data, widthPx: WIDTH_PX, heightPx: HEIGHT_PX, bandCount: BANDS, interleave: 'band' };
}

function casesOf(dataType: DataType): readonly TileOptions[] {
  return read.flatMap((compression) => {
    if (compression === 'lerc' && dataType.endsWith('int64')) return [];
    const floats = dataTypes[dataType].sampleFormat === 3;
    const predictors = compressions[compression].predictors
      ? ([1, 2, ...(floats ? [3 as const] : []), 'auto'] as const)
      : ([1] as const);
    const interleaves: readonly Interleave[] =
      compression === 'lerc' ? ['band'] : ['pixel', 'band'];
    return predictors.flatMap((predictor) =>
      interleaves.flatMap((interleave) =>
        ([undefined, 16, 64] as const).map((blockSizePx) => ({
          compression,
          predictor,
          interleave,
          blockSizePx,
          bigTiff: blockSizePx === 64 ? ('always' as const) : ('auto' as const),
        })),
      ),
    );
  });
}

function vrtOf(count: number, gdalType: string): string {
  const sources = (band: number): string =>
    Array.from(
      { length: count },
      (_, index) => `<SimpleSource>
        <SourceFilename relativeToVRT="1">${index}.tif</SourceFilename><SourceBand>${band}</SourceBand>
        <SrcRect xOff="0" yOff="0" xSize="${WIDTH_PX}" ySize="${HEIGHT_PX}"/>
        <DstRect xOff="0" yOff="${index * HEIGHT_PX}" xSize="${WIDTH_PX}" ySize="${HEIGHT_PX}"/>
      </SimpleSource>`,
    ).join('');
  const bands = [1, 2, 3].map(
    (band) =>
      `<VRTRasterBand dataType="${gdalType}" band="${band}">${sources(band)}</VRTRasterBand>`,
  );
  return `<VRTDataset rasterXSize="${WIDTH_PX}" rasterYSize="${count * HEIGHT_PX}">${bands.join('')}</VRTDataset>`;
}

for (const dataType of dataTypeNames) {
  test(`GDAL reads ${dataType} tiles back exactly, whatever the compression, predictor, blocks and interleave`, (t) => {
    const directory = temporaryDirectory(t);
    const pixels = samplesOf(dataType);
    const cases = casesOf(dataType);
    const info = {
      widthPx: WIDTH_PX,
      heightPx: HEIGHT_PX,
      dataType,
      bands: [{}, {}, {}],
      georeferencing: {},
    };
    for (const [index, options] of cases.entries()) {
      const file = encodeTile(tileFormat('test', info, options), pixels);
      writeFileSync(join(directory, `${index}.tif`), file);
    }
    writeFileSync(join(directory, 'all.vrt'), vrtOf(cases.length, gdalTypeOf(dataType)));
    // An uncompressed TIFF of one strip a band ends with the samples as they are; GDAL's raw
    // formats lack int64.
    const plain = ['INTERLEAVE=BAND', `BLOCKYSIZE=${cases.length * HEIGHT_PX}`];
    const options = ['-q', ...plain.flatMap((option) => ['-co', option])];
    execFileSync('gdal_translate', [...options, 'all.vrt', 'all.tif'], { cwd: directory });
    const expected = Buffer.from(pixels.data.buffer);
    const raw = readFileSync(join(directory, 'all.tif')).subarray(-expected.length * cases.length);
    const planeBytes = expected.length / BANDS;
    for (const [index, tileOptions] of cases.entries()) {
      for (let band = 0; band < BANDS; band += 1) {
        const at = (band * cases.length + index) * planeBytes;
        const same = expected
          .subarray(band * planeBytes, (band + 1) * planeBytes)
          .equals(raw.subarray(at, at + planeBytes));
        assert.ok(same, `band ${band + 1} of ${JSON.stringify(tileOptions)}`);
      }
    }
  });
}
