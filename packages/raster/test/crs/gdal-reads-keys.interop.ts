/**
 * GDAL as the judge of what EPSG's codes mean in GeoKeys, each in all its roles: the text for the
 * index is the same system, or it is told.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { repository } from '@holdfast/tools/testing';
import { crsNotCarried, srsText } from '#src/crs/crs.js';

const script = `${repository}test/python/crs_judge.py`;
/** One of so many of the usual codes; 1 by night. */
const STEP = process.env['HOLDFAST_NIGHTLY'] ? '1' : '20';

function python(args: readonly string[], input = ''): readonly string[] {
  const options = {
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  };
  const output = execFileSync(
    '/usr/bin/python3',
    [script, ...args],
    options as { encoding: 'utf8' },
  );
  return output.trim().split('\n');
}

test("EPSG's codes in GeoKeys are the same system in the index, by GDAL's own comparison, or it is told", (t) => {
  const rows = python(['keys', STEP]).map((line) => {
    const keys = JSON.parse(line) as Readonly<Record<string, number>>;
    const crs = {
      kind: 'geoKeys',
      minorRevision: 1,
      keys: Object.entries(keys).map(([id, value]) => ({ id: Number(id), value })),
    } as const;
    return JSON.stringify({ keys, srs: srsText(crs), told: crsNotCarried(crs).length });
  });
  const lines = python(['compare'], rows.join('\n'));
  t.diagnostic(lines.at(-1) ?? '');
  assert.deepEqual(lines.slice(0, -1), []);
});

test('keys that say something twice, by half, or against their method are told', () => {
  const projected = [
    [1024, 1],
    [2048, 4326],
    [3072, 32767],
    [3076, 9001],
    [3080, 10],
  ] as const;
  const toldOf = (...keys: readonly (readonly [id: number, value: number])[]): number =>
    crsNotCarried({
      kind: 'geoKeys',
      minorRevision: 1,
      keys: [...projected, ...keys].map(([id, value]) => ({ id, value })),
    }).length;
  for (const [told, usual] of [
    [
      [
        [3075, 15],
        [3081, 60],
        [3092, 0.99],
      ],
      [
        [3075, 15],
        [3081, 90],
        [3092, 0.994],
      ],
    ],
    [
      [
        [3075, 7],
        [3081, 20],
        [3092, 0.9],
      ],
      [
        [3075, 7],
        [3081, 0],
        [3092, 0.9],
      ],
    ],
    [
      [
        [3075, 8],
        [3078, 30],
      ],
      [
        [3075, 8],
        [3078, 30],
        [3079, 60],
      ],
    ],
    [
      [
        [3075, 22],
        [3081, 0],
        [3092, 0.9],
      ],
      [
        [3075, 22],
        [3081, 0],
        [3092, 1],
      ],
    ],
  ] as const) {
    assert.equal(toldOf(...told), 1, JSON.stringify(told));
    assert.equal(toldOf(...usual), 0, JSON.stringify(usual));
  }
});
