/** A system in words that need no table of EPSG's codes. */
import {
  lengthUnit,
  otherProjection,
  projectedCode,
  projectionOfConversion,
} from './conversion-of-code.js';
import { datumOfGeographic } from './datum-of-code.js';
import { definitionWkt, projectedWkt } from './definition.js';

/**
 * `EPSG:n` as WKT or a PROJ string, of a projected or geographic system; other texts as they are.
 * `undefined` for a code that is not known here.
 */
export function spelledOut(srs: string | undefined): string | undefined {
  const [, horizontal] = /^EPSG:(\d+)(?:\+\d+)?$/iu.exec(srs ?? '') ?? [];
  if (horizontal === undefined) return srs === '' ? undefined : srs;
  const code = Number(horizontal);
  const projected = projectedCode(code);
  const geographicCode = projected?.geographic ?? code;
  const datum = datumOfGeographic(geographicCode);
  if (!datum) return undefined;
  const geographic = { ...datum, name: datum.datumName, code: geographicCode };
  if (!projected) return definitionWkt({ kind: 'geographic', geographic, projection: undefined });
  const metresPerUnit = lengthUnit(projected.unit)?.metres ?? 1;
  const { radiansPerUnit } = datum;
  const projection = projectionOfConversion(projected.conversion, {
    radiansPerUnit,
    metresPerUnit,
  });
  if (projection) return definitionWkt({ kind: 'projected', geographic, projection });
  const other = otherProjection(code);
  if (other === undefined || other.startsWith('+')) return other;
  const [said = ''] = other.split(',AXIS');
  return projectedWkt(geographic, { name: 'unknown', said: [said], axes: [], metresPerUnit });
}
