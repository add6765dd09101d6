/** Coordinate reference systems as callers name them: checked, and put into the words of a VRT. */
import { invalidArgument } from 'holdfast/options';
import type { Crs, GeoKey, NotCarried } from '../model.js';
import {
  lengthUnit,
  otherProjection,
  projectedCode,
  projectionOfConversion,
  replacedUnit,
} from './conversion-of-code.js';
import { datumOfGeographic, isDynamic, isLostInParts, isOtherInFiles } from './datum-of-code.js';
import { angleUnit, definitionOfKeys, definitionWkt, isSame, projectedWkt } from './definition.js';
import { crsKeys, ESRI_PREFIX } from './geo-keys.js';
import { epsgKind } from './epsg.js';
import { projOptions } from './proj-string.js';
import { epsgCodeOf, parseWkt } from './wkt.js';
import { unbound, wktKind } from './wkt-definition.js';
import { geoKeys } from './geo-key-ids.js';

const USER_DEFINED = 32767;

/**
 * Takes a CRS as a caller names it: an EPSG code (a number, or `EPSG:4326`), WKT, or a PROJ string.
 *
 * @throws HoldfastError INVALID_ARGUMENT for anything else: a boolean, a code that EPSG has not
 *   given, a code for which GeoTIFF has no key, text that is none of the three, WKT of one kind
 *   that gives itself a code of another
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
 * The CRS in words that GDAL takes (`OGRSpatialReference::SetFromUserInput`): `EPSG:n`, WKT or
 * PROJ. `undefined` for GeoKeys that name no code and do not spell out a system known here.
 */
export function srsText(crs: Crs): string | undefined {
  if (crs.kind === 'epsg') return `EPSG:${crs.code}`;
  if (crs.kind === 'wkt') return crs.wkt;
  return crs.kind === 'proj' ? crs.proj : srsOfKeys(crs);
}

/** A system in the words that {@link srsText} gives, taken as they are. */
export function crsOfText(
  text: string | undefined,
  epochYear: number | undefined,
): Crs | undefined {
  if (text === undefined || text === '') return undefined;
  const epoch = epochYear === undefined ? {} : { coordinateEpoch: epochYear };
  const [, code, vertical] = /^EPSG:(\d+)(?:\+(\d+))?$/iu.exec(text) ?? [];
  if (vertical !== undefined) {
    const height = { id: geoKeys.vertical, value: Number(vertical) };
    const keys = [...crsKeys({ kind: 'epsg', code: Number(code), ...epoch }), height];
    return { kind: 'geoKeys', keys, minorRevision: 1 };
  }
  if (code !== undefined) return { kind: 'epsg', code: Number(code), ...epoch };
  return text.startsWith('+')
    ? { kind: 'proj', proj: text, ...epoch }
    : { kind: 'wkt', wkt: text, ...epoch };
}

const CITATIONS: readonly number[] = [
  geoKeys.citation,
  geoKeys.geodeticCitation,
  geoKeys.projectedCitation,
];

/** Esri's WKT in a citation says more than the keys beside it can. */
function esriText(keys: readonly GeoKey[]): string | undefined {
  for (const { id, value } of keys) {
    if (!CITATIONS.includes(id) || typeof value !== 'string') continue;
    if (value.startsWith(ESRI_PREFIX)) return value.slice(ESRI_PREFIX.length).replace(/\|$/u, '');
  }
  return undefined;
}

/**
 * `EPSG:n`, or `EPSG:n+m` with a vertical system, when the keys name codes; else what they spell
 * out, as WKT.
 */
function srsOfKeys({ keys, minorRevision }: GeoKeys): string | undefined {
  const projected = codeIn(keys, geoKeys.projectedCrs);
  // Beside a code it says the same in other words.
  const text = projected === undefined ? esriText(keys) : undefined;
  if (text !== undefined) return text;
  const model = keys.find((key) => key.id === geoKeys.modelType)?.value;
  const vertical = minorRevision === 0 ? undefined : codeIn(keys, geoKeys.vertical);
  // A geographic system of three dimensions is said by its code in place of a vertical one.
  if (vertical !== undefined && epsgKind(vertical) === 'geographic') return `EPSG:${vertical}`;
  const geodetic =
    model === 3
      ? geocentricCode(codeIn(keys, geoKeys.geodeticCrs))
      : codeIn(keys, geoKeys.geodeticCrs);
  const horizontal = projected ?? (model === 1 ? undefined : geodetic);
  const isVertical = vertical !== undefined && epsgKind(vertical) === 'vertical';
  if (horizontal !== undefined) {
    const spelled =
      horizontal === projected ? unitOverride(keys, horizontal) : angleOverride(keys, horizontal);
    if (spelled !== undefined) return spelled === 'unknown' ? undefined : spelled;
    return isVertical ? `EPSG:${horizontal}+${vertical}` : `EPSG:${horizontal}`;
  }
  const definition = definitionOfKeys(keys);
  if (definition) return definitionWkt(definition);
  return isVertical && model !== 1 && model !== 2 ? `EPSG:${vertical}` : undefined;
}

type GeoKeys = Extract<Crs, { kind: 'geoKeys' }>;

function codeIn(keys: readonly GeoKey[], id: number): number | undefined {
  const value = keys.find((key) => key.id === id)?.value;
  return typeof value === 'number' && value > 0 && value < USER_DEFINED ? value : undefined;
}

/** The metres of the keys' own unit: by its code, or as a number. */
function metresOfKeys(keys: readonly GeoKey[]): number | undefined {
  const unit = keys.find(({ id }) => id === geoKeys.projLinearUnits)?.value;
  if (unit !== USER_DEFINED) return lengthUnit(codeIn(keys, geoKeys.projLinearUnits))?.metres;
  const metres = keys.find(({ id }) => id === geoKeys.projLinearUnitSize)?.value;
  return typeof metres === 'number' && metres > 0 ? metres : undefined;
}

/**
 * A projected code whose unit the keys change, spelled out; `unknown` where that cannot be done
 * here.
 */
function unitOverride(keys: readonly GeoKey[], code: number): string | undefined {
  const isGiven = keys.some(({ id, value }) => id === geoKeys.projLinearUnits && value !== 0);
  const replaced = replacedUnit(code);
  if (!isGiven && replaced === undefined) return undefined;
  const metresPerUnit = isGiven ? metresOfKeys(keys) : lengthUnit(replaced)?.metres;
  const known = projectedCode(code);
  if (!known || metresPerUnit === undefined) return 'unknown';
  const own = lengthUnit(known.unit)?.metres ?? 1;
  if (Math.abs(metresPerUnit - own) <= 1e-9 * own) return undefined;
  const datum = datumOfGeographic(known.geographic);
  if (!datum) return 'unknown';
  const geographic = { ...datum, name: datum.datumName, code: known.geographic };
  const { radiansPerUnit } = datum;
  const projection = projectionOfConversion(known.conversion, { radiansPerUnit, metresPerUnit });
  if (projection) {
    const axes = known.isNorthingFirst ? 'north first' : undefined;
    return definitionWkt({ kind: 'projected', geographic, projection: { ...projection, axes } });
  }
  const other = otherProjection(code);
  if (other === undefined) return 'unknown';
  if (other.startsWith('+')) return `${other} +to_meter=${metresPerUnit}`;
  const inUnit = other.replaceAll(
    /(PARAMETER\["[^"]*(?:easting|northing)[^"]*",)([^\]]+)/giu,
    (_, before: string, length: string) => `${before}${(Number(length) * own) / metresPerUnit}`,
  );
  const [said = '', ...axes] = inUnit.split(',AXIS');
  return projectedWkt(geographic, {
    name: 'unknown',
    said: [said],
    axes: axes.map((axis) => `AXIS${axis}`),
    metresPerUnit,
  });
}

/**
 * A geographic code whose unit, ellipsoid or meridian the keys change, or of which `EPSG:n` would
 * be another system, spelled out; `unknown` where that cannot be done here.
 */
function angleOverride(keys: readonly GeoKey[], code: number): string | undefined {
  if (isDynamic(code)) return undefined;
  const unit = keys.find(({ id }) => id === geoKeys.geogAngularUnits)?.value;
  const isOwnUnit = unit === undefined || unit === 0;
  const datum = datumOfGeographic(code);
  const radians = isOwnUnit ? datum?.radiansPerUnit : angleUnit(Number(unit))?.radians;
  if (!datum || radians === undefined) {
    const isUsual = isOwnUnit || (radians !== undefined && isDegree(radians));
    return isUsual && !datum && !isOtherInFiles(code) ? undefined : 'unknown';
  }
  const geographic = definitionOfKeys([
    { id: geoKeys.modelType, value: 2 },
    ...keys.filter(({ id }) => id !== geoKeys.modelType),
  ])?.geographic;
  if (!geographic) return 'unknown';
  const isChanged = Math.abs(radians / datum.radiansPerUnit - 1) > 1e-9;
  if (!isChanged && isSame(geographic, datum) && !isOtherInFiles(code)) return undefined;
  // GDAL takes a meridian in another unit for another one.
  if (isChanged && geographic.primeMeridianDegrees !== 0 && !isDegree(radians)) return 'unknown';
  return definitionWkt({ kind: 'geographic', geographic, projection: undefined });
}

function isDegree(radians: number): boolean {
  return Math.abs(radians / (Math.PI / 180) - 1) < 1e-9;
}

/** The epoch of the coordinates, a decimal year. */
export function coordinateEpoch(crs: Crs | undefined): number | undefined {
  if (crs?.kind !== 'geoKeys') return crs?.coordinateEpoch;
  const value = crs.keys.find(({ id }) => id === geoKeys.coordinateEpoch)?.value;
  return typeof value === 'number' ? value : undefined;
}

/** What of a CRS the index or the tiles do not say. */
export function crsNotCarried(crs: Crs | undefined): readonly NotCarried[] {
  if (!crs) return [];
  if (crs.kind !== 'geoKeys')
    return crsKeys(crs).some(({ id, value }) => id === geoKeys.citation && value === srsText(crs))
      ? [
          {
            what: 'the CRS',
            where: 'the tiles',
            why: 'GeoTIFF has no keys for it: the index says it',
          },
        ]
      : [];
  const told: NotCarried[] = [];
  if (srsText(crs) === undefined)
    told.push({
      what: 'the CRS',
      where: 'the index',
      why: 'its GeoKeys are in every tile, and are not understood here: say it with gdal_edit.py -a_srs',
    });
  const vertical = codeIn(crs.keys, geoKeys.vertical);
  const srs = srsText(crs) ?? '';
  const projected = projectedCode(codeIn(crs.keys, 3072) ?? 0);
  const datumCode = projected
    ? datumOfGeographic(projected.geographic)?.datumCode
    : definitionOfKeys(crs.keys)?.geographic.datumCode;
  const isSpelled = /^(?:GEOGCS|PROJCS)\[/u.test(srs);
  if (isSpelled && datumCode !== undefined && isLostInParts(datumCode))
    told.push({
      what: 'the CRS',
      where: 'the index',
      why: `it says the datum ${datumCode}, which GDAL does not recognize in the tiles`,
    });
  const twofold = saidTwice(crs.keys);
  if (twofold !== undefined && isSpelled)
    told.push({
      what: 'the CRS',
      where: 'the index',
      why: `its GeoKeys give ${twofold}, of which GDAL may take the other: mend the keys with gdal_edit.py -a_srs`,
    });
  const [, code] = /^EPSG:(\d+)/u.exec(srs) ?? [];
  if (code !== undefined && epsgKind(Number(code)) === undefined)
    told.push({
      what: `the CRS`,
      where: 'the index',
      why: `it says EPSG:${code} as the tiles do, which is no code of EPSG that is known here`,
    });
  if (vertical !== undefined && !srs.endsWith(String(vertical)) && !/VERT/u.test(srs))
    told.push({
      what: `the vertical system ${vertical}`,
      where: 'the index',
      why:
        crs.minorRevision === 0
          ? 'GDAL believes none of GeoTIFF 1.0; its keys are in every tile'
          : 'its keys are in every tile',
    });
  return told;
}

/**
 * What the keys of a projection say in two ways, or by half, or though the method does not have it.
 */
function saidTwice(keys: readonly GeoKey[]): string | undefined {
  const number = (id: number): number | undefined => {
    const value = keys.find((key) => key.id === id)?.value;
    return typeof value === 'number' ? value : undefined;
  };
  const isScaled =
    (number(geoKeys.projScaleAtNatOrigin) ?? number(geoKeys.projScaleAtCenter) ?? 1) !== 1;
  const latitude = number(geoKeys.projNatOriginLat);
  const method = number(geoKeys.projMethod);
  if (method === 7 && isScaled && latitude !== undefined && latitude !== 0)
    return 'a latitude and a scale';
  if (
    method === 8 &&
    (number(geoKeys.projStdParallel1) === undefined) !==
      (number(geoKeys.projStdParallel2) === undefined)
  )
    return 'one standard parallel of two';
  if (method === 15 && isScaled && latitude !== undefined && Math.abs(latitude) !== 90)
    return 'a latitude of true scale and a scale';
  if (method === 22 && isScaled) return 'a scale, which the method does not have';
  return undefined;
}

/**
 * GDAL names a geocentric system by the geographic one on the same datum; these are the pairs in
 * common use.
 */
const geocentricOn: Readonly<Record<number, number>> = { 4326: 4978, 4258: 4936 };

function geocentricCode(code: number | undefined): number | undefined {
  if (code === undefined || epsgKind(code) === 'geocentric') return code;
  return geocentricOn[code];
}
