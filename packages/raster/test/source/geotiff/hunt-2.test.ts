/**
 * Files with one property each of files that people have reported (shared/data/hunt-2/README.md):
 * each is tiled, and what it says is in the mosaic, told, or the reason why nothing was written.
 */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { decode } from 'fast-png';
import { sharedData, temporaryDirectory } from '@holdfast/tools/testing';
import {
  fromArray,
  fromGeoTiff,
  openVrt,
  renderPreview,
  type Mosaic,
  type WriteOptions,
  type WrittenMosaic,
  writeTiledVrt,
} from '#src/index.js';

const FOLDER = 'hunt-2';
/** Where `createRequire` looks a package up. */
const hooks = Module as unknown as Record<string, (name: string, ...rest: unknown[]) => string>;
const LOOK_UP = '_resolveFilename';

const skip = sharedData(FOLDER) === undefined;

function pathOf(name: string): string {
  return join(sharedData(FOLDER) as string, `${name}.tif`);
}

interface Tiled {
  readonly written: WrittenMosaic;
  readonly index: string;
  readonly mosaic: Mosaic;
}

async function tile(t: TestContext, input: string, options: WriteOptions = {}): Promise<Tiled> {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const beforehand = await openVrt(input);
  await beforehand.close();
  const source = await fromGeoTiff(input);
  try {
    const written = await writeTiledVrt(path, source, { tileSizePx: 16, threads: 0, ...options });
    assert.deepEqual(written.notCarried, beforehand.notCarried, 'info says it beforehand');
    const mosaic = await openVrt(path);
    t.after(() => mosaic.close());
    return { written, index: readFileSync(path, 'utf8'), mosaic };
  } finally {
    await source.close();
  }
}

function caseOf(
  name: string,
  promise: string,
  check: (tiled: Tiled) => void | Promise<void>,
): void {
  test(`${name}: ${promise}`, { skip }, async (t) => check(await tile(t, pathOf(name))));
}

function statistic({ mosaic }: Tiled, name: string): number {
  return Number(mosaic.info.bands[0]?.metadata?.[`STATISTICS_${name}`]);
}

caseOf('nodata-f32-worldclim', 'nodata is compared as float32 samples have it', async (tiled) => {
  assert.equal(tiled.mosaic.info.nodata, Math.fround(-3.4e38));
  assert.equal(Math.round(1440 * (1 - statistic(tiled, 'VALID_PERCENT') / 100)), 293);
  assert.ok(statistic(tiled, 'MINIMUM') > -1e6);
  const { data } = await tiled.mosaic.read();
  assert.equal(
    (data as Float32Array).filter((value) => value === tiled.mosaic.info.nodata).length,
    293,
  );
});

caseOf(
  'nodata-f32-min-15-digits',
  'the limit of float32, as 15 digits print it, is the limit',
  ({ mosaic }) => assert.equal(mosaic.info.nodata, -3.4028234663852886e38),
);

for (const name of ['nodata-two-values', 'nodata-two-values-i16'])
  caseOf(name, 'the first number of the text is taken, and that is told', ({ mosaic, written }) => {
    assert.equal(mosaic.info.nodata, -9999);
    assert.match(written.notCarried[0]?.what ?? '', /-9999 -9999/u);
  });

caseOf('unit-from-vertical', 'the unit of the vertical system is that of the band', ({ mosaic }) =>
  assert.equal(mosaic.info.bands[0]?.unit, 'US survey foot'),
);

caseOf('worldfile', 'the world file beside it places it', ({ mosaic }) =>
  assert.deepEqual(mosaic.info.georeferencing.transform, [500000, 10, 0, 5000000, 0, -10]),
);

caseOf('aux-crs', 'the sidecar places it', ({ mosaic, index }) => {
  assert.deepEqual(mosaic.info.georeferencing.transform, [500000, 10, 0, 5000000, 0, -10]);
  assert.match(index, /<SRS>PROJCS\[&quot;WGS 84 \/ UTM zone 33N/u);
});

caseOf('rpc', 'the coefficients are in the index', ({ index }) => {
  assert.match(index, /<Metadata domain="RPC">/u);
  assert.match(index, /<MDI key="LINE_NUM_COEFF">0 0 -1( 0){17}<\/MDI>/u);
  assert.match(index, /<MDI key="LAT_SCALE">0.1<\/MDI>/u);
});

caseOf(
  'gcp-one',
  'a control point stays one, and its CRS is not that of the mosaic',
  ({ index }) => {
    assert.match(
      index,
      /<GCPList Projection="EPSG:4326">\n {4}<GCP Id="1" Pixel="5" Line="5" X="10" Y="45" Z="3"\/>/u,
    );
    assert.doesNotMatch(index, /<SRS>/u);
  },
);

caseOf('aux-categories', 'the names of the values are in the index', ({ index }) =>
  assert.match(index, /<CategoryNames>\s*<Category>/u),
);

caseOf('tiff-tags', 'the tags are items, as GDAL names them', ({ mosaic }) =>
  assert.deepEqual(mosaic.info.metadata, {
    own: 'kept',
    TIFFTAG_COPYRIGHT: '(c) agency',
    TIFFTAG_DATETIME: '2019:03:01 12:30:00',
    TIFFTAG_IMAGEDESCRIPTION: 'orthomosaic site 7',
    TIFFTAG_RESOLUTIONUNIT: '2 (pixels/inch)',
    TIFFTAG_SOFTWARE: 'Pix4Dmapper',
    TIFFTAG_XRESOLUTION: '300',
    TIFFTAG_YRESOLUTION: '300',
  }),
);

caseOf(
  'metadata-domains',
  'the domains of the file and of its band are in the index',
  ({ index }) => {
    assert.match(index, /^ {2}<Metadata domain="IMAGERY">/mu);
    assert.match(index, /^ {4}<Metadata domain="SPECTRAL">/mu);
  },
);

caseOf('xmp', 'XMP is in the index as it is', ({ index }) =>
  assert.match(index, /<Metadata domain="xml:XMP" format="xml"><\?xpacket[^>]*><x:xmpmeta/u),
);

caseOf(
  'metadata-bare-ampersand',
  'metadata that is no XML is told, and the file is tiled',
  ({ written }) => assert.match(written.notCarried[0]?.what ?? '', /all metadata items/u),
);

caseOf('metadata-latin1', 'a letter in Latin-1 stays the letter', ({ index }) => {
  assert.doesNotMatch(index, /\ufffd/u);
  assert.match(index, /[\u00a1-\u00ff]/u);
});

caseOf(
  'scale-decimal-comma',
  'a comma is taken for a point, and that is told',
  ({ mosaic, written }) => {
    assert.equal(mosaic.info.bands[0]?.scale, 0.01);
    assert.match(written.notCarried[0]?.what ?? '', /0,01/u);
  },
);

test('statistics-of-source: what is true of the whole is in no tile', { skip }, async (t) => {
  const { written, mosaic } = await tile(t, pathOf('statistics-of-source'), { statistics: false });
  for (const name of readdirSync(written.tilesPath).filter((each) => each.endsWith('.tif')))
    assert.doesNotMatch(readFileSync(join(written.tilesPath, name), 'latin1'), /STATISTICS_/u);
  assert.ok(mosaic.info.bands[0]?.metadata?.['STATISTICS_MEAN']);
});

caseOf('scale-y-negative', 'a negative scale is south-up, as OGC says it', ({ mosaic }) =>
  assert.ok((mosaic.info.georeferencing.transform?.[5] ?? 0) > 0),
);

/** What stands in the index as its CRS, with quotes as they are. */
function srsOf({ index }: Tiled): string {
  return /<SRS([^<]*)<\/SRS>/u.exec(index)?.[1]?.replaceAll('&quot;', '"') ?? '';
}

for (const [name, promise, srs] of [
  ['crs-mollweide', "Esri's text in the citation is the CRS", /^>PROJCS\["World_Mollweide"/u],
  ['crs-esri-pe-without-gcs', 'so where no key says more', /^>PROJCS\["World_Mollweide"/u],
  [
    'crs-vertical-5103',
    'a vertical code of GeoTIFF 1.0 leaves the horizontal system',
    /^>EPSG:26910$/u,
  ],
  [
    'crs-units-us-ft',
    'the unit in the keys counts',
    /"false_easting",1640416\.6+.*US survey foot/u,
  ],
  ['crs-albers-nad83', 'the datum keeps its name', /DATUM\["North_American_Datum_1983"/u],
  ['crs-gcs-code-lcc', 'the axes come from the code', /Lambert_Conformal_Conic_2SP/u],
  [
    'crs-projection-code-16032',
    'a projection code is UTM',
    /"central_meridian",9\].*"scale_factor",0\.9996/u,
  ],
  [
    'crs-datum-code-tmerc',
    'the datum code gives the datum',
    /DATUM\["WGS_1984",SPHEROID\["WGS 84"/u,
  ],
  [
    'crs-coordinate-epoch',
    'the epoch of the coordinates is kept',
    /^ coordinateEpoch="2020\.5">EPSG:9000$/u,
  ],
] as const)
  caseOf(name, promise, (tiled) => assert.match(srsOf(tiled), srs));

caseOf(
  'crs-vertical-5103',
  'the vertical system is told, and its unit is that of the band',
  (tiled) => {
    assert.match(tiled.written.notCarried[0]?.what ?? '', /vertical system 5103/u);
    assert.equal(tiled.mosaic.info.bands[0]?.unit, 'metre');
  },
);

caseOf(
  'int8',
  'signed bytes stay, and which readers know none is told',
  async ({ written, mosaic }) => {
    assert.equal(mosaic.info.dataType, 'int8');
    const told = written.notCarried.map(({ what, where }) => `${what}: ${where}`);
    assert.deepEqual(told, ['signed bytes: GDAL before 3.7']);
  },
);

test('compression-ccitt4: the codec is named before anything is written', { skip }, async () => {
  const opening = fromGeoTiff(pathOf('compression-ccitt4'));
  await assert.rejects(opening, ({ message }: Error) => {
    assert.ok(message.includes('CCITT Group 4 fax (4)'));
    assert.ok(message.includes('gdal_translate -co COMPRESS=DEFLATE'));
    return true;
  });
});

test('compression-webp: read as libwebp reads it', { skip }, async () => {
  const source = await fromGeoTiff(pathOf('compression-webp'));
  const { widthPx, heightPx, bands } = source.info;
  const { data } = await source.read({ xPx: 0, yPx: 0, widthPx, heightPx });
  await source.close();
  assert.equal(bands.length, 3);
  assert.equal(
    (data as Uint8Array).reduce((sum, value) => sum + value, 0),
    456_625,
  );
});

test(
  'compression-webp: without the package that reads it, that is named before anything is written',
  { skip },
  async (t) => {
    const resolve = hooks[LOOK_UP] as (name: string, ...rest: unknown[]) => string;
    t.after(() => (hooks[LOOK_UP] = resolve));
    hooks[LOOK_UP] = (name, ...rest) => {
      if (name === '@cwasm/webp') throw new Error('not found');
      return resolve(name, ...rest);
    };
    await assert.rejects(fromGeoTiff(pathOf('compression-webp')), {
      code: 'UNSUPPORTED_PLATFORM',
      message: /npm install @cwasm\/webp.*gdal_translate -co COMPRESS=DEFLATE/u,
    });
  },
);

caseOf(
  'mask-internal',
  'the mask is one of the mosaic, made of those in its tiles',
  async (tiled) => {
    const { mosaic, index } = tiled;
    assert.match(index, /<MaskBand>[\s\S]*<SourceBand>mask,1<\/SourceBand>/u);
    assert.equal(mosaic.info.bands.length, 3);
    const { data } = await mosaic.read(undefined, { band: 'mask' });
    assert.equal((data as Uint8Array).filter((value) => value === 0).length, 756);
    assert.equal(Math.round(14.4 * statistic(tiled, 'VALID_PERCENT')), 1440 - 756);
  },
);

test('mask-internal: as alpha where that is asked for', { skip }, async (t) => {
  const { mosaic, index } = await tile(t, pathOf('mask-internal'), { mask: 'alpha' });
  assert.doesNotMatch(index, /MaskBand/u);
  assert.equal(mosaic.info.bands[3]?.colour, 'Alpha');
  const { data } = await mosaic.read(undefined, { band: 4 });
  assert.equal((data as Uint8Array).filter((value) => value === 255).length, 1440 - 756);
});

test('mask-internal: a picture is transparent where the mask is 0', { skip }, async (t) => {
  const mosaic = await openVrt(pathOf('mask-internal'));
  t.after(() => mosaic.close());
  const { png } = await renderPreview(mosaic);
  const { data, channels } = decode(png);
  assert.equal(channels, 4);
  assert.equal(Array.from(data).filter((value, at) => at % 4 === 3 && value === 0).length, 756);
});

test('overviews: what a mask leaves out takes no part, in tiles and in files of their own', async (t) => {
  const [width, height] = [64, 64];
  // Columns in pairs: 100, and 250 that the mask leaves out; the last quarter has nothing valid.
  const isValid = (at: number): boolean => at % 2 === 0 && at % width < 48;
  const count = width * height;
  const data = Uint8Array.from({ length: 2 * count }, (_, at) =>
    at < count ? (at % 2 === 0 ? 100 : 250) : isValid(at - count) ? 255 : 0,
  );
  const source = fromArray({ data, width, height, bandCount: 2, bands: [{}, { isMask: true }] });
  const path = join(temporaryDirectory(t), 'out.vrt');
  await writeTiledVrt(path, source, { overviews: [2, 4], tileSizePx: 32, threads: 0 });
  const mosaic = await openVrt(path);
  t.after(() => mosaic.close());
  for (const scale of [0.5, 0.25]) {
    const image = await mosaic.read(undefined, { scale });
    const mask = await mosaic.read(undefined, { scale, band: 'mask' });
    for (const [at, value] of (mask.data as Uint8Array).entries()) {
      const isInside = at % mask.widthPx < 48 * scale;
      assert.equal(value, isInside ? 255 : 0);
      if (isInside) assert.equal(image.data[at], 100);
    }
  }
});

test(
  'overview-and-mask: there is one overview, with its mask, and it says what its raster says',
  { skip },
  async (t) => {
    const path = pathOf('overview-and-mask');
    await assert.rejects(fromGeoTiff(path, { overview: 1 }), /no overview 1, but 1 of them/u);
    const [raster, reduced] = [await fromGeoTiff(path), await fromGeoTiff(path, { overview: 0 })];
    t.after(() => Promise.all([raster.close(), reduced.close()]));
    const { info } = reduced;
    assert.deepEqual([info.widthPx, info.bands.at(-1)?.isMask], [32, true]);
    assert.deepEqual(info.georeferencing, raster.info.georeferencing);
    const { data, bandCount } = await reduced.read({ xPx: 0, yPx: 0, widthPx: 32, heightPx: 32 });
    assert.equal(data.length, 32 * 32 * bandCount);
  },
);

test('nodata of arrays is rounded and clamped as that of files', async () => {
  const of = (nodata: number) =>
    fromArray({ data: new Float32Array(4), width: 2, height: 2, nodata }).info.nodata;
  assert.equal(of(-9999.9), Math.fround(-9999.9));
  assert.equal(of(-3.40282346638529e38), -3.4028234663852886e38);
  assert.equal(of(-1.7976931348623157e308), -3.4028234663852886e38);
});

test('a nodata text that is no number is refused, with what to do', { skip }, async (t) => {
  const path = join(temporaryDirectory(t), basename(pathOf('nodata-two-values')));
  copyFileSync(pathOf('nodata-two-values'), path);
  const bytes = readFileSync(path);
  const at = bytes.indexOf('-9999 -9999');
  assert.ok(at > 0);
  writeFileSync(
    path,
    Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from('None\0'.padEnd(11, '\0')),
      bytes.subarray(at + 11),
    ]),
  );
  await assert.rejects(fromGeoTiff(path), /"None".*gdal_edit\.py -unsetnodata/u);
});

test(
  'a GeoTIFF is opened as a mosaic of itself, and says what would not be carried',
  { skip },
  async (t) => {
    const mosaic = await openVrt(pathOf('nodata-two-values'));
    t.after(() => mosaic.close());
    assert.equal(mosaic.info.nodata, -9999);
    assert.equal(mosaic.notCarried?.length, 1);
    assert.equal((await mosaic.read()).data.length, 1440);
  },
);

for (const [kind, head, what] of [
  ['a VRT', '<VRTDataset rasterXSize="1"', /it is a VRT/u],
  ['a PNG', '\x89PNG\r\n\x1a\n', /it is a PNG; gdal_translate/u],
  ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1', /git lfs pull/u],
] as const)
  test(`${kind} is no GeoTIFF, and the message says what it is`, async (t) => {
    const path = join(temporaryDirectory(t), 'x.tif');
    writeFileSync(path, Buffer.from(head.padEnd(64), 'latin1'));
    await assert.rejects(fromGeoTiff(path), what);
  });

test('a URL of something else than the web or a store is no path, and the message says so', async () => {
  await assert.rejects(fromGeoTiff('file:///a.tif'), /fileURLToPath/u);
});
