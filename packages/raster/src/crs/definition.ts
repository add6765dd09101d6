/**
 * A coordinate reference system spelt out: what is left of WKT, PROJ and GeoKeys when their ways of
 * saying it are gone.
 */
import type { GeoKey } from '../model.js';
import {
  datumOfDatumCode,
  datumOfGeographic,
  ellipsoidOfCode,
  isDynamic,
  meridianOfCode,
} from './datum-of-code.js';
import { lengthUnit, lengthUnits, projectionOfConversion } from './conversion-of-code.js';
import { methods, wkt1ParameterName, type Method, type Parameter } from './projections.js';
import { geoKeys } from './geo-key-ids.js';

/** An ellipsoid, with a prime meridian and an angular unit. */
export interface Geographic {
  readonly name: string;
  readonly datumName: string;
  /** EPSG's code for all of this, if it has one. */
  readonly code: number | undefined;
  readonly semiMajorM: number;
  /** 0 for a sphere. */
  readonly inverseFlattening: number;
  readonly primeMeridianDegrees: number;
  readonly radiansPerUnit: number;
  /** EPSG's code of the datum. */
  readonly datumCode?: number | undefined;
  /** Where they are known. */
  readonly ellipsoidName?: string | undefined;
  readonly primeMeridianName?: string | undefined;
}

export interface Projection {
  readonly name: string;
  readonly method: Method;
  /** Angles in the unit of the geographic system, lengths in that of the projected one. */
  readonly parameters: Partial<Readonly<Record<Parameter, number>>>;
  readonly metresPerUnit: number;
  /** Which axis comes first in the system, whatever in its files, where WKT must say it. */
  readonly axes?: 'north first' | 'east first' | undefined;
}

export interface Definition {
  readonly kind: 'projected' | 'geographic' | 'geocentric';
  readonly geographic: Geographic;
  readonly projection: Projection | undefined;
}

const USER_DEFINED = 32767;
const MODEL_TYPE = { projected: 1, geographic: 2, geocentric: 3 } as const;

interface AngleUnit {
  readonly code: number;
  readonly radians: number;
  readonly name: string;
}

const DEGREE: AngleUnit = { code: 9102, radians: Math.PI / 180, name: 'degree' };
/** EPSG's codes of angles. */
const angleUnits: readonly AngleUnit[] = [
  { code: 9101, radians: 1, name: 'radian' },
  DEGREE,
  { code: 9103, radians: Math.PI / 10_800, name: 'arc-minute' },
  { code: 9104, radians: Math.PI / 648_000, name: 'arc-second' },
  { code: 9105, radians: Math.PI / 200, name: 'grad' },
  { code: 9106, radians: Math.PI / 200, name: 'gon' },
  { code: 9109, radians: 1e-6, name: 'microradian' },
  { code: 9112, radians: Math.PI / 20_000, name: 'centesimal minute' },
  { code: 9113, radians: Math.PI / 2_000_000, name: 'centesimal second' },
  { code: 9114, radians: Math.PI / 3200, name: 'mil_6400' },
];
/** Degrees, however they are written; in a raster they are numbers. */
const DEGREES: readonly number[] = [
  9107, 9108, 9110, 9111, 9115, 9116, 9117, 9118, 9119, 9120, 9121, 9122,
];

/** The unit of a code of angles. */
export function angleUnit(code: number | undefined): AngleUnit | undefined {
  if (code !== undefined && DEGREES.includes(code)) return DEGREE;
  return angleUnits.find((unit) => unit.code === code);
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-10 * Math.abs(b);

/** The GeoKeys that spell a definition out (OGC 19-008r4, 7.5). */
export function definitionKeys(definition: Definition): readonly GeoKey[] {
  const { kind, geographic, projection } = definition;
  return [
    { id: geoKeys.modelType, value: MODEL_TYPE[kind] },
    ...geographicKeys(geographic, kind),
    ...(projection ? projectionKeys(projection, geographic.radiansPerUnit) : []),
  ];
}

function geographicKeys(geographic: Geographic, kind: Definition['kind']): readonly GeoKey[] {
  const { code, semiMajorM, inverseFlattening, primeMeridianDegrees, radiansPerUnit } = geographic;
  const angle = angleUnits.find(({ radians }) => near(radiansPerUnit, radians));
  return [
    { id: geoKeys.geodeticCrs, value: code ?? USER_DEFINED },
    { id: geoKeys.geodeticCitation, value: citationOf(geographic) },
    ...(code === undefined
      ? [
          { id: geoKeys.geodeticDatum, value: USER_DEFINED },
          { id: geoKeys.ellipsoid, value: USER_DEFINED },
        ]
      : []),
    ...(kind === 'geocentric' ? [{ id: geoKeys.geogLinearUnits, value: 9001 }] : []),
    ...(angle
      ? [{ id: geoKeys.geogAngularUnits, value: angle.code }]
      : [
          { id: geoKeys.geogAngularUnits, value: USER_DEFINED },
          { id: geoKeys.geogAngularUnitSize, value: radiansPerUnit },
        ]),
    { id: geoKeys.ellipsoidSemiMajorAxis, value: semiMajorM },
    // A sphere has no inverse flattening that could be written; its other axis says it.
    inverseFlattening === 0
      ? { id: geoKeys.ellipsoidSemiMinorAxis, value: semiMajorM }
      : { id: geoKeys.ellipsoidInvFlattening, value: inverseFlattening },
    ...(primeMeridianDegrees === 0
      ? []
      : [
          { id: geoKeys.primeMeridian, value: USER_DEFINED },
          { id: geoKeys.primeMeridianLongitude, value: primeMeridianDegrees },
        ]),
  ];
}

function projectionKeys(projection: Projection, radiansPerUnit: number): readonly GeoKey[] {
  const { name, method, parameters, metresPerUnit } = projection;
  const unit = lengthUnits.find(({ metres }) => near(metresPerUnit, metres));
  const given = Object.entries(method.keys) as [Parameter, number][];
  return [
    { id: geoKeys.projectedCrs, value: USER_DEFINED },
    { id: geoKeys.projectedCitation, value: name },
    { id: geoKeys.projection, value: USER_DEFINED },
    { id: geoKeys.projMethod, value: method.code },
    ...(unit
      ? [{ id: geoKeys.projLinearUnits, value: unit.code }]
      : [
          { id: geoKeys.projLinearUnits, value: USER_DEFINED },
          { id: geoKeys.projLinearUnitSize, value: metresPerUnit },
        ]),
    ...given.map(([parameter, id]) => ({
      id,
      value:
        (parameters[parameter] ?? defaultOf(parameter)) * degreesPer(parameter, radiansPerUnit),
    })),
  ];
}

function defaultOf(parameter: Parameter): number {
  return parameter === 'k0' ? 1 : 0;
}

/**
 * Reads a definition out of GeoKeys; `undefined` when they leave something open or say what is not
 * known here.
 */
export function definitionOfKeys(keys: readonly GeoKey[]): Definition | undefined {
  const number = (id: number): number | undefined => {
    const value = keys.find((key) => key.id === id)?.value;
    return typeof value === 'number' ? value : undefined;
  };
  const text = (id: number): string | undefined => {
    const value = keys.find((key) => key.id === id)?.value;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const geographic = geographicOfKeys(number, text);
  if (!geographic) return undefined;
  const kind = number(geoKeys.modelType);
  if (kind === MODEL_TYPE.geographic)
    return { kind: 'geographic', geographic, projection: undefined };
  if (kind !== MODEL_TYPE.projected) return undefined;
  const projection = projectionOfKeys(number, text, geographic.radiansPerUnit);
  return projection && { kind: 'projected', geographic, projection };
}

type NumberOfKey = (id: number) => number | undefined;
type TextOfKey = (id: number) => string | undefined;

/**
 * By the codes of the system, its datum, ellipsoid and meridian; what the keys spell out themselves
 * counts before these.
 */
function geographicOfKeys(number: NumberOfKey, text: TextOfKey): Geographic | undefined {
  const code = codeOf(number(geoKeys.geodeticCrs));
  const known =
    datumOf(code, datumOfGeographic) ??
    datumOf(codeOf(number(geoKeys.geodeticDatum)), datumOfDatumCode);
  const ellipsoid = datumOf(codeOf(number(geoKeys.ellipsoid)), ellipsoidOfCode) ?? known;
  const axes = axesOfKeys(number, ellipsoid);
  const unit =
    code !== undefined && isDynamic(code) ? undefined : angleUnit(number(geoKeys.geogAngularUnits));
  const radiansPerUnit =
    unit?.radians ?? number(geoKeys.geogAngularUnitSize) ?? known?.radiansPerUnit ?? DEGREE.radians;
  const ofCode = datumOf(codeOf(number(geoKeys.primeMeridian)), meridianOfCode);
  const names = namesIn(text(geoKeys.geodeticCitation));
  const own = {
    primeMeridianName: names['Primem'],
    primeMeridianDegrees: number(geoKeys.primeMeridianLongitude) ?? 0,
  };
  const meridian =
    ofCode ?? (number(geoKeys.primeMeridianLongitude) === undefined && known ? known : own);
  // GDAL takes degrees for a unit that has no code, and another meridian for one that other keys
  // say in other units.
  const isUnread =
    number(geoKeys.geogAngularUnits) === USER_DEFINED ||
    (meridian !== known && meridian.primeMeridianDegrees !== 0);
  if (!axes || (isUnread && !near(radiansPerUnit, DEGREE.radians))) return undefined;
  const isOfCode = known !== undefined && isSame(known, { ...axes, ...meridian });
  return {
    name: names['GCS Name'] ?? 'unknown',
    datumName: known?.datumName ?? names['Datum'] ?? names['GCS Name'] ?? 'unnamed',
    ellipsoidName: ellipsoid?.ellipsoidName ?? names['Ellipsoid'],
    primeMeridianName: meridian.primeMeridianName,
    code: isOfCode ? code : undefined,
    datumCode: isOfCode ? known.datumCode : undefined,
    ...axes,
    primeMeridianDegrees: meridian.primeMeridianDegrees,
    radiansPerUnit,
  };
}

type Axes = Pick<Geographic, 'semiMajorM' | 'inverseFlattening'>;

/**
 * The axes that the keys spell out, else those of an ellipsoid; `undefined` where they spell out
 * half of them.
 */
function axesOfKeys(number: NumberOfKey, ellipsoid: Axes | undefined): Axes | undefined {
  const semiMajorM = number(geoKeys.ellipsoidSemiMajorAxis) ?? ellipsoid?.semiMajorM;
  const isUnsaid =
    number(geoKeys.ellipsoid) === USER_DEFINED &&
    number(geoKeys.ellipsoidSemiMajorAxis) === undefined;
  if (semiMajorM === undefined || isUnsaid) return undefined;
  const semiMinorM = number(geoKeys.ellipsoidSemiMinorAxis);
  const fromAxes =
    semiMinorM === undefined || semiMinorM === semiMajorM
      ? undefined
      : semiMajorM / (semiMajorM - semiMinorM);
  const isSphere =
    number(geoKeys.ellipsoidSemiMajorAxis) !== undefined && semiMinorM === semiMajorM;
  const said = number(geoKeys.ellipsoidInvFlattening) ?? fromAxes ?? (isSphere ? 0 : undefined);
  const isHalf =
    said === undefined && ellipsoid !== undefined && semiMajorM !== ellipsoid.semiMajorM;
  if (isHalf) return undefined;
  return { semiMajorM, inverseFlattening: said ?? ellipsoid?.inverseFlattening ?? 0 };
}

function codeOf(value: number | undefined): number | undefined {
  return value === undefined || value === 0 || value >= USER_DEFINED ? undefined : value;
}

function datumOf<T>(
  code: number | undefined,
  find: (code: number) => T | undefined,
): T | undefined {
  return code === undefined ? undefined : find(code);
}

type Figure = Axes & Pick<Geographic, 'primeMeridianDegrees'>;

/** Whether two have the same ellipsoid and meridian. */
export function isSame(a: Figure, b: Figure): boolean {
  const alike = (x: number, y: number): boolean => Math.abs(x - y) <= 1e-9 * Math.abs(y);
  return (
    alike(a.semiMajorM, b.semiMajorM) &&
    alike(a.inverseFlattening, b.inverseFlattening) &&
    alike(a.primeMeridianDegrees, b.primeMeridianDegrees)
  );
}

/** GDAL takes more than one name from a citation: by them its `IsSame` tells two systems apart. */
function citationOf(geographic: Geographic): string {
  const { name, datumName, ellipsoidName, primeMeridianName } = geographic;
  const names = {
    'GCS Name': name,
    Datum: datumName,
    Ellipsoid: ellipsoidName ?? 'unknown',
    Primem: primeMeridianName ?? 'Greenwich',
  };
  const isPlain = ellipsoidName === undefined && datumName === 'unknown';
  return isPlain
    ? name
    : Object.entries(names)
        .map((pair) => pair.join(' = '))
        .join('|');
}

/**
 * The names in a citation of libgeotiff: `GCS Name = a|Datum = b|Ellipsoid = c|Primem = d`; a plain
 * text is the first.
 */
function namesIn(citation: string | undefined): Readonly<Record<string, string>> {
  if (citation === undefined) return {};
  if (!citation.includes(' = ')) return { 'GCS Name': citation.split('|')[0] ?? citation };
  const parts = citation.split('|').map((part) => part.split(' = '));
  return Object.fromEntries(
    parts.flatMap(([name, value]) => (name && value ? [[name.trim(), value.trim()]] : [])),
  );
}

function projectionOfKeys(
  number: NumberOfKey,
  text: TextOfKey,
  radiansPerUnit: number,
): Projection | undefined {
  const metresPerUnit =
    lengthUnit(number(geoKeys.projLinearUnits) ?? 9001)?.metres ??
    number(geoKeys.projLinearUnitSize);
  if (metresPerUnit !== undefined && number(geoKeys.projMethod) === undefined) {
    const units = { radiansPerUnit, metresPerUnit };
    const projection = projectionOfConversion(codeOf(number(geoKeys.projection)), units);
    return projection && { ...projection, ...axesOf(projection) };
  }
  const candidates = methods.filter(({ code }) => code === number(geoKeys.projMethod));
  // Mercator is one method with either a scale or a standard parallel.
  const method =
    candidates.find(({ keys }) => keys.lat1 && number(keys.lat1) !== undefined) ?? candidates[0];
  if (!method || metresPerUnit === undefined) return undefined;
  const entries = Object.entries(method.keys) as [Parameter, number][];
  const parameters = Object.fromEntries(
    entries.map(([parameter, id]) => {
      const value = keyOrTwin(number, id) ?? defaultOf(parameter);
      return [parameter, value / degreesPer(parameter, radiansPerUnit)];
    }),
  );
  const name =
    namesIn(text(geoKeys.projectedCitation))['GCS Name'] ?? text(geoKeys.citation) ?? 'unknown';
  return { name, method, parameters, metresPerUnit, ...axesOf({ method, parameters }) };
}

/**
 * About a pole, and another meridian than Greenwich, PROJ takes other axes for this method than
 * GDAL, unless WKT says them.
 */
function axesOf({
  method,
  parameters: { lat0 = 0, lon0 = 0 },
}: Pick<Projection, 'method' | 'parameters'>): Pick<Projection, 'axes'> {
  const isTurned = method.proj === 'laea' && Math.abs(lat0) === 90 && lon0 !== 0;
  return isTurned ? { axes: 'east first' } : {};
}

/**
 * Angles of a projection are degrees in the keys, whatever the unit of the system, as GDAL has
 * them.
 */
function degreesPer(parameter: Parameter, radiansPerUnit: number): number {
  const isAngle = !['k0', 'x0', 'y0'].includes(parameter);
  return isAngle && !near(radiansPerUnit, DEGREE.radians) ? radiansPerUnit / DEGREE.radians : 1;
}

/** Keys that writers use for each other: natural origin, false origin and centre (3080 to 3091). */
const TWINS: readonly (readonly number[])[] = [
  [geoKeys.projNatOriginLong, geoKeys.projFalseOriginLong, geoKeys.projCenterLong],
  [geoKeys.projNatOriginLat, geoKeys.projFalseOriginLat, geoKeys.projCenterLat],
  [geoKeys.projFalseEasting, geoKeys.projFalseOriginEasting, geoKeys.projCenterEasting],
  [geoKeys.projFalseNorthing, geoKeys.projFalseOriginNorthing, geoKeys.projCenterNorthing],
  [geoKeys.projScaleAtNatOrigin, geoKeys.projScaleAtCenter],
];

function keyOrTwin(number: NumberOfKey, id: number): number | undefined {
  // Of the pole only a polar projection has a meridian.
  const natural = id === geoKeys.projStraightVertPoleLong ? geoKeys.projNatOriginLong : id;
  const twins = TWINS.find((group) => group.includes(natural)) ?? [];
  return [id, ...twins].map(number).find((value) => value !== undefined);
}

const AXES = {
  'north first': ['AXIS["Northing",NORTH]', 'AXIS["Easting",EAST]'],
  'east first': ['AXIS["Easting",EAST]', 'AXIS["Northing",NORTH]'],
} as const;

/** The definition as WKT 1, in GDAL's spelling. */
export function definitionWkt(definition: Definition): string {
  const { geographic, projection } = definition;
  if (!projection) return geographicWkt(geographic, true);
  const { name, method, parameters, metresPerUnit } = projection;
  const given = Object.entries(parameters) as [Parameter, number][];
  const said = [
    `PROJECTION[${quoted(method.wkt1)}]`,
    ...given.map(
      ([parameter, value]) => `PARAMETER[${quoted(wkt1ParameterName(parameter, method))},${value}]`,
    ),
  ];
  const axes = projection.axes ? AXES[projection.axes] : [];
  return projectedWkt(geographic, { name, said, axes, metresPerUnit });
}

/** A projected system as WKT 1, whose projection and axes are said already. */
export function projectedWkt(
  geographic: Geographic,
  {
    name,
    said,
    axes,
    metresPerUnit,
  }: {
    readonly name: string;
    readonly said: readonly string[];
    readonly axes: readonly string[];
    readonly metresPerUnit: number;
  },
): string {
  const unit = lengthUnits.find(({ metres }) => near(metresPerUnit, metres));
  const parts = [
    quoted(name),
    geographicWkt(geographic, false),
    ...said,
    `UNIT[${quoted(unit?.name ?? 'unknown')},${metresPerUnit}]`,
    ...axes,
  ];
  return `PROJCS[${parts.join(',')}]`;
}

function geographicWkt(geographic: Geographic, isWhole: boolean): string {
  const { name, code, semiMajorM, inverseFlattening, radiansPerUnit } = geographic;
  const { datumName, datumCode, ellipsoidName } = geographic;
  const { primeMeridianDegrees: meridian, primeMeridianName } = geographic;
  const unit = angleUnits.find(({ radians }) => near(radiansPerUnit, radians));
  const meridianName = primeMeridianName ?? (meridian === 0 ? 'Greenwich' : 'unnamed');
  const spheroid = `SPHEROID[${quoted(ellipsoidName ?? 'unnamed')},${semiMajorM},${inverseFlattening}]`;
  const parts = [
    quoted(name),
    `DATUM[${[quoted(datumName), spheroid, ...epsgWkt(datumCode)].join(',')}]`,
    `PRIMEM[${quoted(meridianName)},${meridian}]`,
    `UNIT[${quoted(unit?.name ?? 'unknown')},${radiansPerUnit}]`,
    // Without them PROJ takes longitude for the first.
    ...(isWhole ? ['AXIS["Latitude",NORTH]', 'AXIS["Longitude",EAST]'] : []),
    ...epsgWkt(code),
  ];
  return `GEOGCS[${parts.join(',')}]`;
}

function epsgWkt(code: number | undefined): readonly string[] {
  return code === undefined ? [] : [`AUTHORITY["EPSG","${code}"]`];
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
