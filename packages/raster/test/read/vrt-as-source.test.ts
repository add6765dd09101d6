/**
 * A VRT that GDAL has written as the input of a mosaic: which of its pixels are valid, and what it
 * says beside.
 */
import assert from 'node:assert/strict';
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import {
  type BandInfo,
  fromArray,
  fromVrt,
  type Nodata,
  type RasterArray,
  openVrt,
  verifyVrt,
  writeTiledVrt,
} from '#src/index.js';

const [WIDTH, HEIGHT] = [4, 2];

interface File {
  readonly name: string;
  /** Samples of each band. */
  readonly bands: readonly (readonly number[])[];
  readonly infos?: readonly BandInfo[];
  readonly nodata?: Nodata;
}

/** A GeoTIFF of bytes in the folder. */
async function writeFile(folder: string, { name, bands, infos, nodata }: File): Promise<void> {
  const source = fromArray({
    data: Uint8Array.from(bands.flat()),
    width: WIDTH,
    height: HEIGHT,
    bandCount: bands.length,
    interleave: 'band',
    bands: infos ?? bands.map(() => ({})),
    nodata,
  });
  await writeTiledVrt(join(folder, `made-${name}.vrt`), source, { tileSizePx: 16, threads: 0 });
  renameSync(join(folder, `made-${name}_tiles`, 'tile_00_00.tif'), join(folder, name));
}

function sourceText(name: string, band: string, more = ''): string {
  const kind = more === '' ? 'SimpleSource' : 'ComplexSource';
  return `<${kind}><SourceFilename relativeToVRT="1">${name}</SourceFilename><SourceBand>${band}</SourceBand>${more}</${kind}>`;
}

const bandText = (inside: string, type = 'Byte'): string =>
  `<VRTRasterBand dataType="${type}">${inside}</VRTRasterBand>`;
const maskText = (inside: string): string => `<MaskBand>${bandText(inside)}</MaskBand>`;
const vrtText = (inside: string): string =>
  `<VRTDataset rasterXSize="${WIDTH}" rasterYSize="${HEIGHT}">${inside}</VRTDataset>`;
const USE_MASK = '<UseMaskBand>true</UseMaskBand>';

const SAMPLES = [1, 2, 3, 4, 5, 6, 7, 8];
const VALID = [0, 1, 1, 0, 1, 1, 1, 1];

const numbersOf = (data: RasterArray): number[] => [...data].map(Number);
const validityOf = (data: RasterArray): number[] =>
  numbersOf(data).map((value) => Number(value > 0));

/**
 * Samples and mask of the mosaic that is made of the VRT, which is also what the VRT itself shows.
 */
async function tiled(
  t: TestContext,
  files: readonly File[],
  text: string,
): Promise<{ readonly bands: readonly number[][]; readonly mask: readonly number[] | undefined }> {
  const folder = temporaryDirectory(t);
  for (const file of files) await writeFile(folder, file);
  const path = join(folder, 'in.vrt');
  writeFileSync(path, vrtText(text));
  const source = await fromVrt(path);
  const output = join(folder, 'out.vrt');
  try {
    await writeTiledVrt(output, source, { tileSizePx: 16, threads: 0 });
  } finally {
    await source.close();
  }
  assert.ok((await verifyVrt(output, { deep: true })).ok);
  const mosaic = await openVrt(output);
  t.after(() => mosaic.close());
  const { data, bandCount } = await mosaic.read();
  const count = WIDTH * HEIGHT;
  const bands = Array.from({ length: bandCount }, (_, band) =>
    numbersOf(data).slice(band * count, (band + 1) * count),
  );
  const mask = mosaic.hasMask
    ? validityOf((await mosaic.read(undefined, { band: 'mask' })).data)
    : undefined;
  return { bands, mask };
}

const masked: File = { name: 'm.tif', bands: [SAMPLES, VALID], infos: [{}, { isMask: true }] };
const ALPHA = VALID.map((valid) => valid * 7);
const alpha: File = { name: 'a.tif', bands: [SAMPLES, ALPHA], infos: [{}, { colour: 'Alpha' }] };
const withNodata: File = { name: 'n.tif', bands: [SAMPLES], nodata: 3 };
const plain: File = { name: 'p.tif', bands: [SAMPLES] };

for (const { what, file, band, expected } of [
  { what: 'its own', file: masked, band: 'mask,1', expected: VALID },
  { what: 'its own, in short', file: masked, band: 'mask', expected: VALID },
  { what: 'its alpha', file: alpha, band: 'mask,1', expected: VALID },
  { what: 'its nodata', file: withNodata, band: 'mask,1', expected: [1, 1, 0, 1, 1, 1, 1, 1] },
  { what: 'all of it', file: plain, band: 'mask,1', expected: SAMPLES.map(() => 1) },
  { what: 'another band', file: alpha, band: '2', expected: VALID },
])
  for (const place of ['the index', 'its one band'])
    test(`a mask of ${place} that is ${what} is that of the mosaic`, async (t) => {
      const samples = sourceText(file.name, '1');
      const mask = maskText(sourceText(file.name, band));
      const isInBand = place === 'its one band';
      const text = isInBand ? bandText(mask + samples) : bandText(samples) + mask;
      const found = await tiled(t, [file], text);
      assert.deepEqual(found.bands, [SAMPLES]);
      assert.deepEqual(found.mask, expected);
    });

test('a mask beside the file, and nodata in its sidecar, are its mask', async (t) => {
  const folder = temporaryDirectory(t);
  await writeFile(folder, plain);
  await writeFile(folder, { ...plain, name: 'p.tif.msk', bands: [ALPHA] });
  copyFileSync(join(folder, 'p.tif'), join(folder, 'q.tif'));
  writeFileSync(
    join(folder, 'q.tif.aux.xml'),
    '<PAMDataset><PAMRasterBand band="1"><NoDataValue>8</NoDataValue></PAMRasterBand></PAMDataset>',
  );
  for (const [name, expected] of [
    ['p.tif', VALID],
    ['q.tif', [1, 1, 1, 1, 1, 1, 1, 0]],
  ] as const) {
    const path = join(folder, `${name}.vrt`);
    const mask = maskText(sourceText(name, 'mask,1'));
    writeFileSync(path, vrtText(bandText(sourceText(name, '1')) + mask));
    const mosaic = await openVrt(path);
    const { data } = await mosaic.read(undefined, { band: 'mask' });
    await mosaic.close();
    assert.deepEqual(validityOf(data), expected);
  }
});

test('sources that use the mask of their file lie over others where it says so: by mask, alpha or nodata', async (t) => {
  const below: File = { name: 'b.tif', bands: [[9, 9, 9, 9, 9, 9, 9, 9]] };
  for (const file of [masked, alpha, withNodata]) {
    const over = sourceText(file.name, '1', USE_MASK);
    const found = await tiled(t, [below, file], bandText(sourceText('b.tif', '1') + over));
    const isValid = file === withNodata ? SAMPLES.map((sample) => sample !== 3) : VALID;
    const expected = SAMPLES.map((sample, at) => (isValid[at] ? sample : 9));
    assert.deepEqual(found.bands, [expected], file.name);
  }
  // Alpha and masks that lie over others leave these where they are 0 themselves.
  const first = { ...alpha, name: 'c.tif', bands: [SAMPLES, [5, 5, 5, 5, 0, 0, 0, 0]] };
  const bands = ['1', '2'].map((band) =>
    bandText(['c.tif', 'a.tif'].map((name) => sourceText(name, band, USE_MASK)).join('')),
  );
  const mask = maskText(
    ['c.tif', 'a.tif'].map((name) => sourceText(name, 'mask,1', USE_MASK)).join(''),
  );
  const found = await tiled(t, [first, alpha], bands.join('') + mask);
  assert.deepEqual(found.bands[1], [5, 7, 7, 5, 7, 7, 7, 7]);
  assert.deepEqual(
    found.mask,
    SAMPLES.map(() => 1),
  );
});

test('masks of single bands are one where they say the same, and refused by name where they do not', async (t) => {
  const two: File = { name: 't.tif', bands: [SAMPLES, SAMPLES.toReversed()] };
  const mask = maskText(sourceText('a.tif', '2'));
  const first = bandText(mask + sourceText('t.tif', '1'));
  const same = first + bandText(mask + sourceText('t.tif', '2'));
  assert.deepEqual((await tiled(t, [two, alpha], same)).mask, VALID);
  const refused = (error: unknown): boolean =>
    isHoldfastError(error, 'CORRUPT_DOCUMENT') && /gdal_translate -b/u.test(error.message);
  await assert.rejects(tiled(t, [two, alpha], first + bandText(sourceText('t.tif', '2'))), refused);
  // The mask of the index counts before those of bands.
  const ofIndex = `${first}${bandText(sourceText('t.tif', '2'))}${maskText(sourceText('a.tif', 'mask,2'))}`;
  assert.deepEqual((await tiled(t, [two, alpha], ofIndex)).mask, VALID);
});

test('samples of another type than their band become of it, rounded and within its range', async (t) => {
  const values = sourceText('p.tif', '1');
  assert.deepEqual((await tiled(t, [plain], bandText(values, 'Float32'))).bands, [SAMPLES]);
  const folder = temporaryDirectory(t);
  const data = Float32Array.of(-1, 0.4, 0.5, 254.5, 300, 1e9, Number.NaN, 7);
  const source = fromArray({ data, width: WIDTH, height: HEIGHT });
  await writeTiledVrt(join(folder, 'f.vrt'), source, { tileSizePx: 16, threads: 0 });
  const path = join(folder, 'in.vrt');
  writeFileSync(path, vrtText(bandText(sourceText('f_tiles/tile_00_00.tif', '1'))));
  const mosaic = await openVrt(path);
  t.after(() => mosaic.close());
  assert.deepEqual([...(await mosaic.read()).data], [0, 0, 1, 255, 255, 255, 0, 7]);
});

test('nodata of single bands, and what samples cannot have, decide nothing in silence', async (t) => {
  const nodata = (value: string): string =>
    bandText(`<NoDataValue>${value}</NoDataValue>${sourceText('p.tif', '1')}`);
  await assert.rejects(tiled(t, [plain], nodata('1') + nodata('2')), /different nodata values/u);
  const folder = temporaryDirectory(t);
  await writeFile(folder, plain);
  const path = join(folder, 'in.vrt');
  writeFileSync(path, vrtText(nodata('-1')));
  const source = await fromVrt(path);
  await source.close();
  assert.equal(source.info.nodata, undefined);
  assert.match(source.notCarried?.[0]?.what ?? '', /nodata "-1"/u);
});

test('control points, domains, categories and tables of a VRT are those of the mosaic', async (t) => {
  const folder = temporaryDirectory(t);
  await writeFile(folder, plain);
  const table =
    '<GDALRasterAttributeTable tableType="thematic"><FieldDefn index="0"><Name>v</Name><Type>0</Type><Usage>5</Usage></FieldDefn></GDALRasterAttributeTable>';
  const said = [
    '<GCPList Projection="EPSG:4326"><GCP Id="1" Pixel="1" Line="2" X="3" Y="4"/></GCPList>',
    '<Metadata domain="IMAGERY"><MDI key="X">y</MDI></Metadata>',
    '<Metadata domain="xml:XMP" format="xml"><a>x</a></Metadata>',
    '<Metadata domain="IMAGE_STRUCTURE"><MDI key="INTERLEAVE">BAND</MDI></Metadata>',
    bandText(
      `<CategoryNames><Category>a &amp; b</Category></CategoryNames>${table}<Metadata domain="SPECTRAL"><MDI key="k">v</MDI></Metadata>${sourceText('p.tif', '1')}`,
    ),
  ];
  const path = join(folder, 'in.vrt');
  writeFileSync(path, vrtText(said.join('')));
  const source = await fromVrt(path);
  const output = join(folder, 'out.vrt');
  const written = await writeTiledVrt(output, source, { tileSizePx: 16, threads: 0 });
  await source.close();
  assert.deepEqual(written.notCarried, []);
  const mosaic = await openVrt(output);
  await mosaic.close();
  const { domains, gcps, bands } = mosaic.info;
  assert.deepEqual(domains, { IMAGERY: { X: 'y' }, 'xml:XMP': '<a>x</a>' });
  assert.deepEqual(gcps?.points, [
    { id: '1', info: undefined, pixel: 1, line: 2, x: 3, y: 4, z: 0 },
  ]);
  assert.deepEqual(gcps?.crs, { kind: 'epsg', code: 4326 });
  const [band] = bands;
  assert.deepEqual(band?.categories, ['a & b']);
  assert.equal(band?.attributeTable, table);
  assert.deepEqual(band?.domains, { SPECTRAL: { k: 'v' } });
});
