/** The transform of a tile as tags (OGC 19-008r4, 7.1). */
import type { Transform } from '../model.js';
import type { Field } from './directory.js';
import { tags } from './tags.js';

/**
 * The fields of a transform. Upright and east-bound ones take a scale and a tie point, which every
 * reader knows; all others (rotated, sheared, south-up) the whole matrix, as GDAL does.
 */
export function transformFields(transform: Transform, pixelIs: 'area' | 'point'): readonly Field[] {
  const [, a, b, , d, e] = transform;
  const [x, y] = tiePoint(transform, pixelIs);
  if (b === 0 && d === 0 && a > 0 && e < 0) {
    return [
      { tag: tags.modelPixelScale, type: 'double', values: [a, -e, 0] },
      { tag: tags.modelTiepoint, type: 'double', values: [0, 0, 0, x, y, 0] },
    ];
  }
  const matrix = [a, b, 0, x, d, e, 0, y, 0, 0, 0, 0, 0, 0, 0, 1];
  return [{ tag: tags.modelTransformation, type: 'double', values: matrix }];
}

/**
 * Where raster position (0, 0) lies: the corner of the first pixel, or its centre when pixels are
 * points.
 */
function tiePoint(transform: Transform, pixelIs: 'area' | 'point'): readonly [number, number] {
  const [x, a, b, y, d, e] = transform;
  return pixelIs === 'area' ? [x, y] : [x + (a + b) / 2, y + (d + e) / 2];
}
