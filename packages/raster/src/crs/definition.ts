/** A coordinate reference system spelt out: what is left of WKT, PROJ and GeoKeys when their ways of saying it are gone. */
import type { GeoKey } from '../model.js';
import { methods, wkt1ParameterName, type Method, type Parameter } from './projections.js';

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
}

export interface Projection {
  readonly name: string;
  readonly method: Method;
  /** Angles in the unit of the geographic system, lengths in that of the projected one. */
  readonly parameters: Partial<Readonly<Record<Parameter, number>>>;
  readonly metresPerUnit: number;
}

export interface Definition {
  readonly kind: 'projected' | 'geographic' | 'geocentric';
  readonly geographic: Geographic;
  readonly projection: Projection | undefined;
}

const USER_DEFINED = 32767;
const MODEL_TYPE = { projected: 1, geographic: 2, geocentric: 3 } as const;

/** EPSG's codes of lengths: metre, foot, US survey foot. */
const lengthUnits: readonly {
  readonly code: number;
  readonly metres: number;
  readonly name: string;
}[] = [
  { code: 9001, metres: 1, name: 'metre' },
  { code: 9002, metres: 0.3048, name: 'foot' },
  { code: 9003, metres: 1200 / 3937, name: 'US survey foot' },
];

/** EPSG's codes of angles: radian, degree, grad. */
const angleUnits: readonly {
  readonly code: number;
  readonly radians: number;
  readonly name: string;
}[] = [
  { code: 9101, radians: 1, name: 'radian' },
  { code: 9102, radians: Math.PI / 180, name: 'degree' },
  { code: 9105, radians: Math.PI / 200, name: 'grad' },
];

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-10 * Math.abs(b);

/** The GeoKeys that spell a definition out (OGC 19-008r4, 7.5). */
export function definitionKeys(definition: Definition): readonly GeoKey[] {
  const { kind, geographic, projection } = definition;
  return [
    { id: 1024, value: MODEL_TYPE[kind] },
    ...geographicKeys(geographic, kind),
    ...(projection ? projectionKeys(projection) : []),
  ];
}

function geographicKeys(geographic: Geographic, kind: Definition['kind']): readonly GeoKey[] {
  const { code, name, semiMajorM, inverseFlattening, primeMeridianDegrees, radiansPerUnit } =
    geographic;
  const angle = angleUnits.find(({ radians }) => near(radiansPerUnit, radians));
  return [
    { id: 2048, value: code ?? USER_DEFINED },
    { id: 2049, value: name },
    ...(code === undefined
      ? [
          { id: 2050, value: USER_DEFINED },
          { id: 2056, value: USER_DEFINED },
        ]
      : []),
    ...(kind === 'geocentric' ? [{ id: 2052, value: 9001 }] : []),
    ...(angle
      ? [{ id: 2054, value: angle.code }]
      : [
          { id: 2054, value: USER_DEFINED },
          { id: 2055, value: radiansPerUnit },
        ]),
    { id: 2057, value: semiMajorM },
    // A sphere has no inverse flattening that could be written; its other axis says it.
    inverseFlattening === 0
      ? { id: 2058, value: semiMajorM }
      : { id: 2059, value: inverseFlattening },
    ...(primeMeridianDegrees === 0
      ? []
      : [
          { id: 2051, value: USER_DEFINED },
          { id: 2061, value: primeMeridianDegrees },
        ]),
  ];
}

function projectionKeys(projection: Projection): readonly GeoKey[] {
  const { name, method, parameters, metresPerUnit } = projection;
  const unit = lengthUnits.find(({ metres }) => near(metresPerUnit, metres));
  const given = Object.entries(method.keys) as [Parameter, number][];
  return [
    { id: 3072, value: USER_DEFINED },
    { id: 3073, value: name },
    { id: 3074, value: USER_DEFINED },
    { id: 3075, value: method.code },
    ...(unit
      ? [{ id: 3076, value: unit.code }]
      : [
          { id: 3076, value: USER_DEFINED },
          { id: 3077, value: metresPerUnit },
        ]),
    ...given.map(([parameter, id]) => ({
      id,
      value: parameters[parameter] ?? defaultOf(parameter),
    })),
  ];
}

function defaultOf(parameter: Parameter): number {
  return parameter === 'k0' ? 1 : 0;
}

/** Reads a definition out of GeoKeys; `undefined` when they leave something open or say what is not known here. */
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
  const kind = number(1024);
  if (kind === MODEL_TYPE.geographic)
    return { kind: 'geographic', geographic, projection: undefined };
  if (kind !== MODEL_TYPE.projected) return undefined;
  const projection = projectionOfKeys(number, text);
  return projection && { kind: 'projected', geographic, projection };
}

type NumberOfKey = (id: number) => number | undefined;
type TextOfKey = (id: number) => string | undefined;

function geographicOfKeys(number: NumberOfKey, text: TextOfKey): Geographic | undefined {
  const code = number(2048);
  const semiMajorM = number(2057) ?? (code === 4326 ? 6378137 : undefined);
  if (semiMajorM === undefined) return undefined;
  const semiMinorM = number(2058);
  const fromAxes =
    semiMinorM === undefined || semiMinorM === semiMajorM
      ? undefined
      : semiMajorM / (semiMajorM - semiMinorM);
  const known = code === 4326 ? 298.257223563 : 0;
  const unit = angleUnits.find((angle) => angle.code === (number(2054) ?? 9102));
  const name = text(2049)?.split('|')[0] ?? 'unknown';
  return {
    name,
    datumName: code === 4326 ? 'WGS_1984' : name,
    code: code === USER_DEFINED ? undefined : code,
    semiMajorM,
    inverseFlattening: number(2059) ?? fromAxes ?? known,
    primeMeridianDegrees: number(2061) ?? 0,
    radiansPerUnit: unit?.radians ?? number(2055) ?? Math.PI / 180,
  };
}

function projectionOfKeys(number: NumberOfKey, text: TextOfKey): Projection | undefined {
  const candidates = methods.filter(({ code }) => code === number(3075));
  // Mercator is one method with either a scale or a standard parallel.
  const method =
    candidates.find(({ keys }) => keys.lat1 && number(keys.lat1) !== undefined) ?? candidates[0];
  const unit = lengthUnits.find(({ code }) => code === (number(3076) ?? 9001));
  const metresPerUnit = unit?.metres ?? number(3077);
  if (!method || metresPerUnit === undefined) return undefined;
  const entries = Object.entries(method.keys) as [Parameter, number][];
  const parameters = Object.fromEntries(
    entries.map(([parameter, id]) => [parameter, keyOrTwin(number, id) ?? defaultOf(parameter)]),
  );
  return { name: text(3073) ?? text(1026) ?? 'unknown', method, parameters, metresPerUnit };
}

/** Keys that writers use for each other: natural origin, false origin and centre (3080 to 3091). */
const TWINS: readonly (readonly number[])[] = [
  [3080, 3084, 3088, 3095],
  [3081, 3085, 3089],
  [3082, 3086, 3090],
  [3083, 3087, 3091],
  [3092, 3093],
];

function keyOrTwin(number: NumberOfKey, id: number): number | undefined {
  const twins = TWINS.find((group) => group.includes(id)) ?? [];
  return [id, ...twins].map(number).find((value) => value !== undefined);
}

/** The definition as WKT 1, in GDAL's spelling. */
export function definitionWkt(definition: Definition): string {
  const { projection } = definition;
  const geographic = geographicWkt(definition.geographic);
  if (!projection) return geographic;
  const { name, method, parameters, metresPerUnit } = projection;
  const unit = lengthUnits.find(({ metres }) => near(metresPerUnit, metres));
  const given = Object.entries(parameters) as [Parameter, number][];
  const parts = [
    quoted(name),
    geographic,
    `PROJECTION[${quoted(method.wkt1)}]`,
    ...given.map(
      ([parameter, value]) => `PARAMETER[${quoted(wkt1ParameterName(parameter, method))},${value}]`,
    ),
    `UNIT[${quoted(unit?.name ?? 'unknown')},${metresPerUnit}]`,
  ];
  return `PROJCS[${parts.join(',')}]`;
}

function geographicWkt(geographic: Geographic): string {
  const { name, datumName, code, semiMajorM, inverseFlattening, radiansPerUnit } = geographic;
  const meridian = geographic.primeMeridianDegrees;
  const unit = angleUnits.find(({ radians }) => near(radiansPerUnit, radians));
  const parts = [
    quoted(name),
    `DATUM[${quoted(datumName)},SPHEROID["unnamed",${semiMajorM},${inverseFlattening}]]`,
    `PRIMEM[${quoted(meridian === 0 ? 'Greenwich' : 'unnamed')},${meridian}]`,
    `UNIT[${quoted(unit?.name ?? 'unknown')},${radiansPerUnit}]`,
    ...(code === undefined ? [] : [`AUTHORITY["EPSG","${code}"]`]),
  ];
  return `GEOGCS[${parts.join(',')}]`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
