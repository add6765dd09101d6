/** Coordinate reference systems as callers name them: checked, and put into the words of a VRT. */
import { invalidArgument } from 'holdfast/options';
import type { Crs, GeoKey } from '../model.js';
import { definitionOfKeys, definitionWkt } from './definition.js';
import { epsgKind } from './epsg.js';
import { projOptions } from './proj-string.js';
import { epsgCodeOf, parseWkt } from './wkt.js';
import { unbound, wktKind } from './wkt-definition.js';

const USER_DEFINED = 32767;

/**
 * Takes a CRS as a caller names it: an EPSG code (a number, or `EPSG:4326`), WKT, or a PROJ string.
 *
 * @throws HoldfastError INVALID_ARGUMENT for anything else: a boolean, a code that EPSG has not given, a code for which
 *   GeoTIFF has no key, text that is none of the three, WKT of one kind that gives itself a code of another
 */
export function parseCrs(call: string, crs: unknown): Crs {
  if (typeof crs === 'number') return checkEpsg(call, crs);
  if (typeof crs === 'string') return parseText(call, crs.trim());
  throw invalidArgument(call, `crs is an EPSG code, WKT or a PROJ string, not ${typeof crs}.`);
}

function parseText(call: string, text: string): Crs {
  const [, code] = /^(?:EPSG:)?(\d+)$/i.exec(text) ?? /^\+init=epsg:(\d+)$/i.exec(text) ?? [];
  if (code !== undefined) return checkEpsg(call, Number(code));
  if (projOptions(text)) return { kind: 'proj', proj: text };
  return checkWkt(call, text);
}

function checkEpsg(call: string, code: number): Crs {
  const kind = epsgKind(code);
  if (kind === undefined) throw invalidArgument(call, `EPSG has no CRS with the code ${code}.`);
  if (kind === 'engineering') {
    throw invalidArgument(call, `EPSG:${code} is a local system, for which GeoTIFF has no key.`);
  }
  return { kind: 'epsg', code };
}

function checkWkt(call: string, wkt: string): Crs {
  const root = parseWkt(wkt);
  const node = root && unbound(root);
  const kind = node && wktKind(node);
  if (!kind) {
    const start = wkt.length > 40 ? `${wkt.slice(0, 40)}…` : wkt;
    throw invalidArgument(call, `'${start}' is neither an EPSG code, nor WKT, nor a PROJ string.`);
  }
  const code = epsgCodeOf(node);
  const kindOfCode = code === undefined ? undefined : epsgKind(code);
  if (kindOfCode !== undefined && kindOfCode !== kind) {
    throw invalidArgument(
      call,
      `the WKT is ${kind}, and EPSG:${code}, as it calls itself, is ${kindOfCode}.`,
    );
  }
  return { kind: 'wkt', wkt };
}

/**
 * The CRS in words that GDAL takes (`OGRSpatialReference::SetFromUserInput`): `EPSG:n`, WKT or PROJ. `undefined` for GeoKeys
 * that name no code and do not spell out a system known here.
 */
export function srsText(crs: Crs): string | undefined {
  if (crs.kind === 'epsg') return `EPSG:${crs.code}`;
  if (crs.kind === 'wkt') return crs.wkt;
  return crs.kind === 'proj' ? crs.proj : srsOfKeys(crs.keys);
}

/** `EPSG:n`, or `EPSG:n+m` with a vertical system, when the keys name codes; else what they spell out, as WKT. */
function srsOfKeys(keys: readonly GeoKey[]): string | undefined {
  const codeOf = (id: number): number | undefined => {
    const value = keys.find((key) => key.id === id)?.value;
    return typeof value === 'number' && value > 0 && value < USER_DEFINED ? value : undefined;
  };
  const model = keys.find((key) => key.id === 1024)?.value;
  const vertical = codeOf(4096);
  const geodetic = model === 3 ? geocentricCode(codeOf(2048)) : codeOf(2048);
  const horizontal = codeOf(3072) ?? (model === 1 ? undefined : geodetic);
  if (horizontal !== undefined) {
    return vertical === undefined ? `EPSG:${horizontal}` : `EPSG:${horizontal}+${vertical}`;
  }
  const definition = definitionOfKeys(keys);
  if (definition) return definitionWkt(definition);
  return vertical === undefined ? undefined : `EPSG:${vertical}`;
}

/** GDAL names a geocentric system by the geographic one on the same datum; these are the pairs in common use. */
const geocentricOn: Readonly<Record<number, number>> = { 4326: 4978, 4258: 4936 };

function geocentricCode(code: number | undefined): number | undefined {
  if (code === undefined || epsgKind(code) === 'geocentric') return code;
  return geocentricOn[code];
}
