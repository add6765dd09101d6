import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { SaxesParser } from 'saxes';
import { dataTypeNames, type RasterInfo } from '#src/model.js';
import { tilesInHead, vrtBytes, vrtLines, type VrtIndex } from '#src/vrt/vrt-text.js';
import { escapeXml } from '#src/vrt/xml.js';

const info: RasterInfo = {
  widthPx: 6,
  heightPx: 4,
  dataType: 'int16',
  bands: [{}],
  georeferencing: {},
};
const tile = {
  path: 'a_tiles/tile_00_00.tif',
  window: { xPx: 0, yPx: 0, widthPx: 6, heightPx: 4 },
  blockWidthPx: 16,
  blockHeightPx: 16,
};
const index = (over: Partial<VrtIndex>): VrtIndex => ({
  info,
  srs: undefined,
  own: { generation: '0123456789abcdef', tilesName: 'a & b_tiles' },
  tiles: [tile],
  ...over,
});
const textOf = (over: Partial<VrtIndex> = {}): string => [...vrtLines(index(over))].join('\n');

test('without georeferencing no GeoTransform and no SRS is invented', () => {
  assert.doesNotMatch(textOf(), /GeoTransform|SRS/u);
});

test('every data type has its own name in the index, and an unknown one has none', () => {
  const names = dataTypeNames.map(
    (dataType) =>
      /VRTRasterBand dataType="(\w+)"/u.exec(textOf({ info: { ...info, dataType } }))?.[1],
  );
  assert.deepEqual(names, [
    'Byte',
    'Int8',
    'UInt16',
    'Int16',
    'UInt32',
    'Int32',
    'UInt64',
    'Int64',
    'Float32',
    'Float64',
  ]);
  assert.throws(() => textOf({ info: { ...info, dataType: 'complex64' as never } }));
});

test('CRS, file names and metadata come back from a parser as they were', () => {
  const nasty = `a<b>&"c' \t\n\r]]>é𝄞`;
  const text = textOf({
    srs: nasty,
    tiles: [{ ...tile, path: nasty }],
    info: { ...info, metadata: { [nasty]: nasty }, bands: [{ description: nasty }] },
  });
  const seen: string[] = [];
  const parser = new SaxesParser();
  parser.on('text', (piece) => seen.push(piece));
  parser.on('opentag', ({ attributes }) => {
    if (attributes['key'] !== undefined) seen.push(attributes['key']);
  });
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(text).close();
  assert.equal(seen.filter((piece) => piece === nasty).length, 5);
});

test('a character that no XML can hold is refused', () => {
  for (const text of ['\0', 'a\u0008', '\u001f', '\ud800', '\uffff'])
    assert.throws(() => escapeXml(text), /cannot hold/u, JSON.stringify(text));
});

test('nodata, scale, offset, colours, palette and descriptions are all told', () => {
  const text = textOf({
    info: {
      ...info,
      dataType: 'float64',
      nodata: Number.NaN,
      bands: [
        {
          description: 'height',
          unit: 'm',
          scale: 0.1,
          offset: -1e-7,
          colour: 'Palette',
          palette: [[1, 2, 3, 255]],
        },
      ],
      georeferencing: { pixelIs: 'point', transform: [0.1, 30, 0, 5e-7, 0, -30] },
    },
  });
  for (const expected of [
    '<NoDataValue>nan</NoDataValue>',
    '<Description>height</Description>',
    '<UnitType>m</UnitType>',
    '<Scale>0.1</Scale>',
    '<Offset>-1e-7</Offset>',
    '<ColorInterp>Palette</ColorInterp>',
    '<Entry c1="1" c2="2" c3="3" c4="255"/>',
    '<MDI key="AREA_OR_POINT">Point</MDI>',
    '<GeoTransform>0.1, 30, 0, 5e-7, 0, -30</GeoTransform>',
  ])
    assert.ok(text.includes(expected), `${expected} is missing in:\n${text}`);
});

test('a nodata of 0 is a value like any other', () => {
  assert.match(textOf({ info: { ...info, nodata: 0 } }), /<NoDataValue>0<\/NoDataValue>/u);
});

test('the tiles that an index names are found in its first bytes', () => {
  assert.deepEqual(tilesInHead(textOf().slice(0, 4096)), {
    generation: '0123456789abcdef',
    tilesName: 'a & b_tiles',
  });
  assert.equal(tilesInHead('<VRTDataset rasterXSize="6">'), undefined);
});

test('the index comes in pieces of bounded size that join to the same text and end with its digest', async () => {
  const tiles = Array.from({ length: 2000 }, () => tile);
  const pieces: Uint8Array[] = [];
  for await (const piece of vrtBytes(index({ tiles }))) pieces.push(piece);
  assert.ok(pieces.length > 5);
  assert.ok(pieces.every((piece) => piece.length < 80_000));
  const text = `${textOf({ tiles })}\n`;
  const sha256 = createHash('sha256').update(text).digest('hex');
  assert.equal(Buffer.concat(pieces).toString(), `${text}<!-- holdfast sha256 ${sha256} -->\n`);
});

// Backtracking from each of a million places would not end within the time of a test run.
test('a head of nothing but openings is looked through in one pass', () => {
  assert.equal(tilesInHead('<Metadata domain="HOLDFAST">'.repeat(500_000)), undefined);
});
