import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVrt } from '#src/read/parse-vrt.js';

const band = (inside: string): string =>
  `<VRTDataset rasterXSize="4" rasterYSize="3"><VRTRasterBand dataType="Int16" band="1">${inside}</VRTRasterBand></VRTDataset>`;
const tile = (kind: string, more = ''): string =>
  `<${kind}><SourceFilename relativeToVRT="1">a &amp; b.tif</SourceFilename><SourceBand>1</SourceBand>
   <SourceProperties RasterXSize="4" RasterYSize="3" DataType="Int16" BlockXSize="4" BlockYSize="3"/>
   <SrcRect xOff="0" yOff="0" xSize="4" ySize="3"/><DstRect xOff="1" yOff="0.5" xSize="4" ySize="3"/>${more}</${kind}>`;

test('an index of simple sources is understood', async () => {
  const document = await parseVrt(band(`<NoDataValue>-9999</NoDataValue>${tile('SimpleSource')}`));
  assert.equal(document.widthPx, 4);
  assert.equal(document.bands[0]?.dataType, 'int16');
  assert.equal(document.bands[0]?.nodata, -9999);
  const [source] = document.bands[0]?.sources ?? [];
  assert.equal(source?.filename, 'a & b.tif');
  assert.equal(source?.relativeToVrt, true);
  assert.deepEqual(source?.destination, { xPx: 1, yPx: 0.5, widthPx: 4, heightPx: 3 });
});

test('nodata of every kind is read: not-a-number, infinity, and 64-bit integers in full', async () => {
  const nodataOf = async (type: string, text: string): Promise<unknown> => {
    const index = band(`<NoDataValue>${text}</NoDataValue>`).replace('Int16', type);
    return (await parseVrt(index)).bands[0]?.nodata;
  };
  assert.equal(await nodataOf('Float32', 'nan'), Number.NaN);
  assert.equal(await nodataOf('Float32', '-inf'), -Infinity);
  assert.equal(await nodataOf('Int64', '-9223372036854775808'), -(2n ** 63n));
});

test('how a source is to be resampled does not matter where it is not scaled', async () => {
  for (const method of ['bilinear', 'nearest'])
    await parseVrt(
      band(tile('SimpleSource').replace('<SimpleSource', `$& resampling="${method}"`)),
    );
});

const refused: readonly [why: string, text: string, message: RegExp][] = [
  ['no XML', 'not xml', /text data outside of root/],
  ['XML cut short', '<VRTDataset rasterXSize="4"', /unclosed|unexpected end/i],
  ['another root', '<a/>', /the root element is a/],
  [
    'an entity',
    '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><VRTDataset/>',
    /document type/,
  ],
  ['no bands', '<VRTDataset rasterXSize="4" rasterYSize="3"/>', /no bands/],
  ['no size', '<VRTDataset rasterYSize="3"><VRTRasterBand/></VRTDataset>', /rasterXSize/],
  ['a size of zero', band('').replace('"4"', '"0"'), /rasterXSize is '0'/],
  ['an unknown type', band('').replace('Int16', 'CFloat32'), /CFloat32/],
  [
    'a derived band',
    band('').replace('band="1"', 'subClass="VRTDerivedRasterBand"'),
    /VRTDerivedRasterBand/,
  ],
  ['a kernel', band(tile('KernelFilteredSource')), /KernelFilteredSource/],
  ['scaling', band(tile('ComplexSource', '<ScaleRatio>2</ScaleRatio>')), /ScaleRatio/],
  ['a mask of no band', band(tile('SimpleSource').replace('>1<', '>mask,x<')), /mask,x/],
  [
    'a source that is resampled',
    band(
      tile('SimpleSource')
        .replace('<SimpleSource', '$& resampling="bilinear"')
        .replace('DstRect xOff="1" yOff="0.5" xSize="4"', 'DstRect xOff="0" yOff="0" xSize="8"'),
    ),
    /scaled by bilinear/,
  ],
  ['a number that is none', band('<NoDataValue>many</NoDataValue>'), /'many' is not a number/],
  ['deep nesting', '<a>'.repeat(1000), /nested too deep/],
];
for (const [why, text, message] of refused) {
  test(`an index with ${why} is refused, never guessed at`, async () => {
    await assert.rejects(parseVrt(text), message);
  });
}

test('an index of more bands or sources than its reader wants to see is refused before there is a tree of it', async () => {
  const sources = band(tile('SimpleSource').repeat(3));
  const limits = { maxBands: 1, maxSources: 3 };
  assert.equal((await parseVrt(sources, limits)).bands[0]?.sources.length, 3);
  const fewer = parseVrt(sources, { ...limits, maxSources: 2 });
  await assert.rejects(fewer, /over 2 sources; raise maxSources/);
  const two = sources.replace('</VRTDataset>', '<VRTRasterBand/></VRTDataset>');
  await assert.rejects(parseVrt(two, limits), /over 1 bands; raise maxBands/);
  // The end of the text, which is none, is never reached.
  const cut = sources.replace('</VRTDataset>', '<<<');
  await assert.rejects(parseVrt(cut, { ...limits, maxSources: 2 }), /over 2 sources/);
});

test('the parsing of a large index ends when it is cancelled', async () => {
  const index = band(tile('SimpleSource').repeat(20_000));
  const cancelled = new Error('no longer wanted');
  const controller = new AbortController();
  const parsing = parseVrt(index, undefined, controller.signal);
  setImmediate(() => controller.abort(cancelled));
  await assert.rejects(parsing, (error) => error === cancelled);
});
