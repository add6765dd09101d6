/** What EPSG's codes of geographic systems, datums, ellipsoids and prime meridians stand for. */
import { datumRows, dynamicCodes, ellipsoidRows, meridianRows, otherInFiles } from './datums.js';

export interface Ellipsoid {
  readonly ellipsoidName: string;
  readonly semiMajorM: number;
  readonly inverseFlattening: number;
}

interface Meridian {
  readonly primeMeridianName: string;
  readonly primeMeridianDegrees: number;
}

/** A datum with its ellipsoid, meridian and unit, in the names of WKT 1. */
export interface Datum extends Ellipsoid, Meridian {
  readonly datumCode: number;
  readonly datumName: string;
  readonly radiansPerUnit: number;
}

const GREENWICH = 8901;
const DEGREE = Math.PI / 180;
/**
 * Of the datums whose points move the only ones that GDAL knows where a file names them, or a
 * projection on them, in parts: WGS 72, WGS 84.
 */
const KNOWN_IN_PARTS: readonly number[] = [6322, 6326];
/**
 * Datums that GDAL tells from themselves: two whose codes others have replaced, Guyane Francaise
 * and Viti Levu 1916, and M'poraloko, for its apostrophe.
 */
const NOT_ITSELF: readonly number[] = [6235, 6266, 6731];

interface Tables {
  readonly ofGeographic: ReadonlyMap<number, Datum>;
  readonly ofDatum: ReadonlyMap<number, Datum>;
  readonly ellipsoids: ReadonlyMap<number, Ellipsoid>;
  readonly meridians: ReadonlyMap<number, Meridian>;
  /** Datums whose points move. */
  readonly moving: ReadonlySet<number>;
}

let unpacked: Tables | undefined;

/** The datum of a geographic code. */
export function datumOfGeographic(code: number): Datum | undefined {
  return tables().ofGeographic.get(code);
}

/** The datum of its own code, from Greenwich and in degrees. */
export function datumOfDatumCode(code: number): Datum | undefined {
  return tables().ofDatum.get(code);
}

export function ellipsoidOfCode(code: number): Ellipsoid | undefined {
  return tables().ellipsoids.get(code);
}

export function meridianOfCode(code: number): Meridian | undefined {
  return tables().meridians.get(code);
}

/**
 * Whether the points of a geographic code move; GDAL takes such a one as EPSG has it, whatever
 * other keys say.
 */
export function isDynamic(code: number): boolean {
  return dynamicCodes.includes(code);
}

/** Whether GDAL reads another system from a file of a geographic code than from `EPSG:n`. */
export function isOtherInFiles(code: number): boolean {
  return otherInFiles.includes(code);
}

/**
 * Whether GDAL takes a datum for an unknown one where a file names it, or a projection on it, in
 * parts.
 */
export function isLostInParts(datumCode: number): boolean {
  return (
    NOT_ITSELF.includes(datumCode) ||
    (tables().moving.has(datumCode) && !KNOWN_IN_PARTS.includes(datumCode))
  );
}

function tables(): Tables {
  unpacked ??= unpack();
  return unpacked;
}

function unpack(): Tables {
  const ellipsoids = new Map(
    ellipsoidRows.map((row) => {
      const [code, ellipsoidName = '', a, rf] = row.split('|');
      return [
        Number(code),
        { ellipsoidName, semiMajorM: Number(a), inverseFlattening: Number(rf) },
      ];
    }),
  );
  const meridians = new Map(
    meridianRows.map((row) => {
      const [code, primeMeridianName = '', degrees] = row.split('|');
      return [Number(code), { primeMeridianName, primeMeridianDegrees: Number(degrees) }];
    }),
  );
  const ofGeographic = new Map<number, Datum>();
  const ofDatum = new Map<number, Datum>();
  for (const row of datumRows) {
    const [datumCode, datumName = '', ellipsoidCode, meridianCode, radians, codes = ''] =
      row.split('|');
    const ellipsoid = ellipsoids.get(Number(ellipsoidCode));
    const meridian = meridians.get(Number(meridianCode));
    const greenwich = meridians.get(GREENWICH);
    if (!ellipsoid || !meridian || !greenwich) throw new Error(`${row} has unknown codes`);
    const named = { datumCode: Number(datumCode), datumName, ...ellipsoid };
    const datum = { ...named, ...meridian, radiansPerUnit: Number(radians) };
    for (const code of codes.split(' ')) ofGeographic.set(Number(code), datum);
    ofDatum.set(Number(datumCode), { ...named, ...greenwich, radiansPerUnit: DEGREE });
  }
  const moving = new Set(dynamicCodes.map((code) => ofGeographic.get(code)?.datumCode ?? 0));
  return { ofGeographic, ofDatum, ellipsoids, meridians, moving };
}
