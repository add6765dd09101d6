import type { Transform, Window } from '../model.js';

/** The transform of a part of a raster. */
export function movedTo([x, a, b, y, d, e]: Transform, { xPx, yPx }: Window): Transform {
  return [x + xPx * a + yPx * b, a, b, y + xPx * d + yPx * e, d, e];
}
