/**
 * Spells out a PROJ string (`+proj=utm +zone=32 +datum=WGS84`), as far as GeoTIFF can say it
 * (https://proj.org/usage).
 */
import type { Definition, Geographic, Projection } from './definition.js';
import { projectionOfConversion } from './conversion-of-code.js';
import { methods, type Method, type Parameter } from './projections.js';

/**
 * PROJ's ellipsoids in common use (`proj -le`): semi-major axis in metres and inverse flattening.
 */
const ellipsoids: Readonly<Record<string, readonly [number, number]>> = {
  WGS84: [6378137, 298.257223563],
  WGS72: [6378135, 298.26],
  GRS80: [6378137, 298.257222101],
  GRS67: [6378160, 298.247167427],
  intl: [6378388, 297],
  bessel: [6377397.155, 299.1528128],
  clrk66: [6378206.4, 294.9786982138982],
  clrk80ign: [6378249.2, 293.4660212936269],
  airy: [6377563.396, 299.3249646],
  krass: [6378245, 298.3],
  aust_SA: [6378160, 298.25],
  sphere: [6370997, 0],
};

/** PROJ's datums that are systems of EPSG as they are. */
const datums: Readonly<Record<string, { ellipsoid: string; code: number; name: string }>> = {
  WGS84: { ellipsoid: 'WGS84', code: 4326, name: 'WGS 84' },
  NAD83: { ellipsoid: 'GRS80', code: 4269, name: 'NAD83' },
  NAD27: { ellipsoid: 'clrk66', code: 4267, name: 'NAD27' },
};

const metresOfUnit: Readonly<Record<string, number>> = {
  m: 1,
  km: 1000,
  ft: 0.3048,
  'us-ft': 1200 / 3937,
};

type Options = ReadonlyMap<string, string>;

/**
 * The `+name=value` options of a PROJ string; `undefined` for text that has no `+proj` or `+init`.
 */
export function projOptions(text: string): Options | undefined {
  const options = new Map<string, string>();
  for (const word of text.trim().split(/\s+/)) {
    const [, name, value = ''] = /^\+([A-Za-z0-9_]+)(?:=(.*))?$/.exec(word) ?? [];
    if (name === undefined) return undefined;
    options.set(name, value);
  }
  return options.has('proj') || options.has('init') ? options : undefined;
}

/** The definition; `undefined` when something of it has no GeoKey. */
export function definitionOfProj(text: string): Definition | undefined {
  const options = projOptions(text);
  const geographic = options && geographicOf(options);
  if (!options || !geographic) return undefined;
  const proj = options.get('proj');
  if (proj === 'longlat' || proj === 'latlong') {
    return { kind: 'geographic', geographic, projection: undefined };
  }
  if (proj === 'geocent') return { kind: 'geocentric', geographic, projection: undefined };
  const projection = proj === 'utm' ? utm(options) : projectionOf(options);
  return projection && { kind: 'projected', geographic, projection };
}

function geographicOf(options: Options): Geographic | undefined {
  const datum = datums[options.get('datum') ?? ''];
  const [semiMajorM, inverseFlattening] = ellipsoidOf(options, datum?.ellipsoid) ?? [];
  const meridian = Number(options.get('pm') ?? 0);
  if (semiMajorM === undefined || inverseFlattening === undefined || Number.isNaN(meridian)) {
    return undefined;
  }
  return {
    name: datum?.name ?? 'unknown',
    datumName: datum?.name ?? 'unknown',
    code: datum && meridian === 0 ? datum.code : undefined,
    semiMajorM,
    inverseFlattening,
    primeMeridianDegrees: meridian,
    radiansPerUnit: Math.PI / 180,
  };
}

function ellipsoidOf(options: Options, ofDatum: string | undefined): readonly number[] | undefined {
  const number = (name: string): number | undefined =>
    options.has(name) ? Number(options.get(name)) : undefined;
  const radius = number('R');
  if (radius !== undefined) return [radius, 0];
  const a = number('a');
  const b = number('b');
  if (a !== undefined) return [a, number('rf') ?? (b === undefined || b === a ? 0 : a / (a - b))];
  // PROJ takes GRS 80 when nothing is said.
  return ellipsoids[ofDatum ?? options.get('ellps') ?? 'GRS80'];
}

/** EPSG's codes of the zones' conversions, less the zone. */
const [UTM_NORTH, UTM_SOUTH] = [16000, 16100];

function utm(options: Options): Projection | undefined {
  const zone = Number(options.get('zone'));
  if (!Number.isInteger(zone) || zone < 1 || zone > 60) return undefined;
  const isSouth = options.has('south');
  const code = (isSouth ? UTM_SOUTH : UTM_NORTH) + zone;
  const units = { radiansPerUnit: Math.PI / 180, metresPerUnit: 1 };
  const projection = projectionOfConversion(code, units);
  return projection && { ...projection, name: `UTM zone ${zone}${isSouth ? 'S' : 'N'}` };
}

function projectionOf(options: Options): Projection | undefined {
  const method = methodOf(options);
  const metresPerUnit = Number(
    options.get('to_meter') ?? metresOfUnit[options.get('units') ?? 'm'],
  );
  if (!method || Number.isNaN(metresPerUnit)) return undefined;
  const parameters: Partial<Record<Parameter, number>> = {};
  for (const parameter of Object.keys(method.keys) as Parameter[]) {
    const value = parameterOf(options, parameter, method);
    if (Number.isNaN(value)) return undefined;
    // PROJ gives false origins in metres whatever the unit.
    const length = parameter === 'x0' || parameter === 'y0';
    if (value !== undefined) parameters[parameter] = length ? value / metresPerUnit : value;
  }
  return { name: `PROJ ${method.proj}`, method, parameters, metresPerUnit };
}

/** One name of PROJ may be several methods of GeoTIFF. */
function methodOf(options: Options): Method | undefined {
  const named = methods.filter(({ proj }) => proj === options.get('proj'));
  const wanted = (name: string): Method | undefined => named.find(({ wkt1 }) => wkt1 === name);
  const proj = options.get('proj');
  if (proj === 'lcc') return wanted(`Lambert_Conformal_Conic_${options.has('lat_2') ? 2 : 1}SP`);
  if (proj === 'merc') return wanted(`Mercator_${options.has('lat_ts') ? 2 : 1}SP`);
  // What PROJ leaves out of these GeoTIFF does not.
  if (proj === 'omerc' && !(options.has('alpha') && options.has('gamma'))) return undefined;
  if (proj === 'omerc' && !options.has('no_uoff'))
    return methods.find(({ proj: name }) => name === 'omerc_centre');
  if (proj === 'stere') {
    const polar = Math.abs(Number(options.get('lat_0') ?? 0)) === 90;
    return wanted(polar ? 'Polar_Stereographic' : 'Stereographic');
  }
  return named[0];
}

function parameterOf(options: Options, parameter: Parameter, method: Method): number | undefined {
  const names: Readonly<Record<Parameter, readonly string[]>> = {
    // What is the origin of a polar projection in GeoTIFF is where its scale is true in PROJ.
    lat0: method.wkt1 === 'Polar_Stereographic' ? ['lat_ts', 'lat_0'] : ['lat_0', 'lat_1'],
    lon0: ['lon_0', 'lonc'],
    lat1: ['lat_1', 'lat_ts'],
    lat2: ['lat_2'],
    azimuth: ['alpha'],
    gridAngle: ['gamma'],
    k0: ['k_0', 'k'],
    x0: ['x_0'],
    y0: ['y_0'],
  };
  const name = names[parameter].find((candidate) => options.has(candidate));
  return name === undefined ? undefined : Number(options.get(name));
}
