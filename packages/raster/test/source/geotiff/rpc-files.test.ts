import assert from 'node:assert/strict';
import test from 'node:test';
import { rpcOfText } from '#src/source/geotiff/rpc-files.js';

const twenty = Array.from({ length: 20 }, (_, at) => `${at + 1}.5E-3`);
const single = {
  LINE_OFF: ['lineOffset', '18'],
  SAMP_OFF: ['sampOffset', '20'],
  LAT_OFF: ['latOffset', '45.25'],
  LONG_OFF: ['longOffset', '-10.5'],
  HEIGHT_OFF: ['heightOffset', '100'],
  LINE_SCALE: ['lineScale', '18'],
  SAMP_SCALE: ['sampScale', '20'],
  LAT_SCALE: ['latScale', '0.1'],
  LONG_SCALE: ['longScale', '0.1'],
  HEIGHT_SCALE: ['heightScale', '500'],
} as const;
const lists = {
  LINE_NUM_COEFF: 'lineNumCoef',
  LINE_DEN_COEFF: 'lineDenCoef',
  SAMP_NUM_COEFF: 'sampNumCoef',
  SAMP_DEN_COEFF: 'sampDenCoef',
} as const;
const wanted = {
  ...Object.fromEntries(Object.entries(single).map(([name, [, value]]) => [name, value])),
  ...Object.fromEntries(Object.keys(lists).map((name) => [name, twenty.join(' ')])),
};

function rpb(): string {
  const lines = Object.values(single).map(([name, value]) => `\t${name} = ${value};`);
  const listed = Object.values(lists).map(
    (name) => `\t${name} = (\n\t\t\t${twenty.join(',\n\t\t\t')});`,
  );
  return [
    'satId = "QB02";',
    'BEGIN_GROUP = IMAGE',
    ...lines,
    ...listed,
    'END_GROUP = IMAGE',
    'END;',
  ].join('\r\n');
}

function txt(): string {
  const lines = Object.entries(single).map(([name, [, value]]) => `${name}: ${value}`);
  const listed = Object.keys(lists).flatMap((name) =>
    twenty.map((value, at) => `${name}_${at + 1}: ${value}`),
  );
  return [...lines, ...listed].join('\n');
}

test("the coefficients of an .RPB are the items of GDAL's domain", () => {
  assert.deepEqual(rpcOfText('scene.RPB', rpb()), wanted);
});

test("the coefficients of an _RPC.TXT are the items of GDAL's domain", () => {
  assert.deepEqual(rpcOfText('scene_RPC.TXT', txt()), wanted);
});

test('coefficients that are not all there are none', () => {
  assert.equal(rpcOfText('scene.RPB', rpb().replace('latOffset', 'other')), undefined);
  assert.equal(rpcOfText('scene_RPC.TXT', txt().replace('SAMP_DEN_COEFF_7:', '')), undefined);
  assert.equal(rpcOfText('scene.RPB', rpb().replace('20.5E-3)', ')')), undefined);
});
