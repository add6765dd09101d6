/**
 * From the coordinates of a system to longitude and latitude, for systems of which that is certain
 * here: geographic ones, and projections that are known by their parameters and that proj4 computes
 * as PROJ does (docs/decisions/0035). The datum stays what it is: from WGS 84 it is some hundred
 * metres away at most.
 */
import type { Crs } from '../model.js';
import { srsText } from '../crs/crs.js';
import type { Geographic, Projection } from '../crs/definition.js';
import { codeIn, definitionOfText } from '../crs/definition-of-text.js';
import { projOptions } from '../crs/proj-string.js';

/** Longitude and latitude in degrees, or any other pair. */
export type Point = readonly [x: number, y: number];

/** `undefined` for a point that has no place on the ground, or not only one. */
export type ToDegrees = (point: Point) => Point | undefined;

export interface DegreesOfSystem {
  readonly toDegrees: ToDegrees;
  /** Whether coordinates are angles already: straight lines stay straight. */
  readonly isGeographic: boolean;
}

/** `undefined` for a system of which it is not certain how its coordinates become degrees. */
export async function degreesOf(crs: Crs): Promise<DegreesOfSystem | undefined> {
  const text = srsText(crs);
  if (text === undefined) return undefined;
  const code = codeIn(text);
  if (code === WEB_MERCATOR) return projected(WEB_MERCATOR_PROJ, 0);
  const isAmbiguous = code !== undefined && hasTwoMeanings(code);
  const definition = isAmbiguous ? undefined : definitionOfText(text);
  if (!definition) return undefined;
  const { kind, geographic, projection } = definition;
  if (kind === 'geographic')
    return { toDegrees: (point) => fromAngles(point, geographic), isGeographic: true };
  const proj = projection && projText(geographic, projection);
  return proj === undefined ? undefined : projected(proj, geographic.primeMeridianDegrees);
}

const WEB_MERCATOR = 3857;
/** EPSG's method 1024 takes the ellipsoid for a sphere, in a plain Mercator. */
const WEB_MERCATOR_PROJ = '+proj=merc +a=6378137 +b=6378137';

/**
 * Codes that are withdrawn, or were for a time, and which some programs take for what has replaced
 * them: another ellipsoid, zone or unit.
 */
const TWO_MEANINGS =
  '2155-2156 2171 2192 2194 2244-2245 2577 2694 2889-2890 2934 2983-2984 2990 3073 3076 3314 ' +
  '3349 3356-3357 3359 3366 3408-3412 3454 3842-3843 3973-3975 3985 4855-4880 5388 5466 5570-5583 ' +
  '6141 6956-6959 6996-6997 7804 21100 22832 25700 26193 26591-26592 26747 26801-26803 ' +
  '26814-26815 26819-26826 26830-26837 26841-26846 26979 31265-31268 31278 31900 32018 32029 ' +
  '32036';

function hasTwoMeanings(code: number): boolean {
  return TWO_MEANINGS.split(' ').some((run) => {
    const [from = '', to = from] = run.split('-');
    return Number(from) <= code && code <= Number(to);
  });
}

function degreesPerUnit({ radiansPerUnit }: Geographic): number {
  const degrees = radiansPerUnit / (Math.PI / 180);
  return Math.abs(degrees - 1) < 1e-9 ? 1 : degrees;
}

function fromAngles([x, y]: Point, geographic: Geographic): Point | undefined {
  const perUnit = degreesPerUnit(geographic);
  const [longitude, latitude] = [x * perUnit + geographic.primeMeridianDegrees, y * perUnit];
  // The edge of a pixel whose centre is a pole lies behind it.
  const most = 90 + LARGEST_HALF_PIXEL_DEGREES;
  if (Math.abs(latitude) > most || Math.abs(longitude) > 720) return undefined;
  return [longitude, Math.max(-90, Math.min(90, latitude))];
}

const LARGEST_HALF_PIXEL_DEGREES = 2.5;

/** Which methods proj4 computes as PROJ does, with their options less the datum and the units. */
function projText(geographic: Geographic, projection: Projection): string | undefined {
  const { method, parameters, metresPerUnit } = projection;
  const perUnit = degreesPerUnit(geographic);
  const { lat0 = 0, lon0 = 0, lat1 = 0, lat2 = 0, k0 = 1, x0 = 0, y0 = 0 } = parameters;
  const { azimuth = 0, gridAngle = 0 } = parameters;
  const angle = (name: string, value: number): string => `+${name}=${value * perUnit}`;
  // Its lon_0 is another parameter of PROJ.
  const oblique = [
    angle('lat_0', lat0),
    angle('lonc', lon0),
    angle('alpha', azimuth),
    angle('gamma', gridAngle),
    `+k_0=${k0}`,
  ];
  const options: Readonly<Record<string, readonly string[] | undefined>> = {
    tmerc: [angle('lat_0', lat0), `+k_0=${k0}`],
    merc: method.keys.lat1 === undefined ? [`+k_0=${k0}`] : [angle('lat_ts', lat1)],
    lcc:
      method.keys.lat1 === undefined
        ? [angle('lat_1', lat0), angle('lat_0', lat0), `+k_0=${k0}`]
        : [angle('lat_1', lat1), angle('lat_2', lat2), angle('lat_0', lat0)],
    laea: [angle('lat_0', lat0)],
    aea: [angle('lat_1', lat1), angle('lat_2', lat2), angle('lat_0', lat0)],
    stere: polar(method.wkt1, lat0 * perUnit, k0),
    sterea: [angle('lat_0', lat0), `+k_0=${k0}`],
    cea: [angle('lat_ts', lat1)],
    eqc: lat0 === 0 ? [angle('lat_ts', lat1)] : undefined,
    cass: [angle('lat_0', lat0)],
    omerc_centre: oblique,
    sinu: [],
  };
  const own = options[method.proj];
  // A Mercator whose origin is not the equator has a scale that is not its own.
  if (!own || (method.proj === 'merc' && lat0 !== 0)) return undefined;
  const { semiMajorM, inverseFlattening } = geographic;
  const semiMinorM =
    inverseFlattening === 0 ? semiMajorM : semiMajorM * (1 - 1 / inverseFlattening);
  const lengths = [`+x_0=${x0 * metresPerUnit}`, `+y_0=${y0 * metresPerUnit}`];
  const figure = [`+a=${semiMajorM}`, `+b=${semiMinorM}`, `+to_meter=${metresPerUnit}`];
  const name = method.proj === 'omerc_centre' ? 'omerc' : method.proj;
  return [`+proj=${name}`, ...own, angle('lon_0', lon0), ...lengths, ...figure].join(' ');
}

/** By the latitude of true scale, or by the scale at the pole. */
function polar(wkt1: string, latitude: number, k0: number): readonly string[] | undefined {
  if (wkt1 !== 'Polar_Stereographic') return undefined;
  const pole = `+lat_0=${latitude < 0 ? -90 : 90}`;
  if (Math.abs(latitude) === 90) return [pole, `+k_0=${k0}`];
  return k0 === 1 ? [pole, `+lat_ts=${latitude}`] : undefined;
}

/** How far from where it came from a point may come back, in metres. */
const MOST_ASTRAY_M = 1;

async function projected(
  proj: string,
  primeMeridianDegrees: number,
): Promise<DegreesOfSystem | undefined> {
  const { default: proj4 } = await import('proj4');
  const options = projOptions(proj);
  const [a, b, metresPerUnit = '1'] = ['a', 'b', 'to_meter'].map((name) => options?.get(name));
  const converter = proj4(`${proj} +no_defs`, `+proj=longlat +a=${a} +b=${b} +no_defs`);
  const most = MOST_ASTRAY_M / Number(metresPerUnit);
  const toDegrees = ([x, y]: Point): Point | undefined => {
    try {
      const [longitude = NaN, latitude = NaN] = converter.forward([x, y]);
      const [backX = NaN, backY = NaN] = converter.inverse([longitude, latitude]);
      // Beyond the edge of the world, or where a formula does not hold, it comes back elsewhere.
      const isCertain = Math.abs(backX - x) < most && Math.abs(backY - y) < most;
      return isCertain && Math.abs(latitude) <= 90
        ? [longitude + primeMeridianDegrees, latitude]
        : undefined;
    } catch {
      return undefined;
    }
  };
  return { toDegrees, isGeographic: false };
}
