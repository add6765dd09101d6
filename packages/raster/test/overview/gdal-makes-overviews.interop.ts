/** Each way of making an overview gives what GDAL's gives, but where the difference is said. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { repository } from '@holdfast/tools/testing';
import { dataTypes } from '#src/model.js';
import { downsample } from '#src/overview/downsample.js';
import { type OverviewMethod, overviewMethods } from '#src/overview/taps.js';

const maker = `${repository}test/python/make_overviews.py`;

interface Case {
  readonly type: 'uint8' | 'uint16' | 'int16' | 'float32';
  readonly nodata: number | null;
  readonly width: number;
  readonly height: number;
  readonly samples: readonly number[];
  readonly made: readonly (readonly [
    method: OverviewMethod,
    factor: number,
    width: number,
    height: number,
    samples: readonly number[],
  ])[];
}

const text = execFileSync('/usr/bin/python3', [maker, 'cases'], {
  encoding: 'utf8',
  maxBuffer: 1e8,
});
const cases = JSON.parse(text) as readonly Case[];

/**
 * One unit in the last place, of floats in that of the largest one nearby (GDAL adds up the squares
 * of `rms` in single precision, which makes it two). Of integers a few differ by 1: GDAL computes
 * in single precision here and there, lets a value that rounds to nodata be nodata (a hole), and
 * its root of a mean square of uint16 over 32,767 is one more (3.6.2).
 */
function tolerance({ type }: Case, value: number): number {
  return type === 'float32' ? Math.max(Math.abs(value), 64) * 2 ** -22 : 1;
}

for (const method of overviewMethods)
  test(`${method}: every pixel is that of GDAL within one unit in the last place`, () => {
    let compared = 0;
    let equal = 0;
    for (const each of cases) {
      const { type, width, height, samples, nodata } = each;
      const data = new dataTypes[type].array(samples.length) as Float32Array;
      data.set(samples);
      const pixels = {
        data,
        widthPx: width,
        heightPx: height,
        bandCount: 1,
        interleave: 'band',
      } as const;
      for (const [name, factor, widthPx, heightPx, expected] of each.made) {
        if (name !== method) continue;
        const made = downsample(pixels, factor, method, nodata ?? undefined);
        const what = `${type} ${width}x${height} by ${factor}, nodata ${nodata}`;
        assert.deepEqual([made.widthPx, made.heightPx], [widthPx, heightPx], what);
        for (const [index, value] of expected.entries()) {
          const ours = Number(made.data[index]);
          assert.ok(
            Math.abs(ours - value) <= tolerance(each, value),
            `${what}: pixel ${index} is ${ours}, and GDAL's is ${value}`,
          );
          compared += 1;
          if (ours === value) equal += 1;
        }
      }
    }
    assert.ok(compared > 20_000, String(compared));
    const least = method === 'rms' ? 0.9 : 0.99;
    assert.ok(equal / compared >= least, `${equal} of ${compared} are equal`);
  });
