/**
 * Makes packages/raster/src/crs/datums.ts out of PROJ's database, in the words that GDAL has for
 * it: the datum of each geographic code, and ellipsoids and prime meridians. Run by hand when EPSG
 * has new codes; it needs GDAL's Python:
 *
 *     node REPO/tools/dist/make-datums.js /usr/share/proj/proj.db
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Tables {
  /** Code, and what GDAL says of it. */
  readonly systems: readonly {
    readonly code: number;
    readonly wkt: string;
    readonly isDynamic: boolean;
    /** Whether GDAL reads another system from a file of this code than from `EPSG:n`. */
    readonly isAnother: boolean;
  }[];
  readonly version: string;
}

const script = `
import json, sqlite3, sys
from osgeo import gdal, osr
gdal.UseExceptions()
osr.UseExceptions()
rows = sqlite3.connect(sys.argv[1]).execute
def system(code, replaced):
  gdal.SetConfigOption("OSR_USE_NON_DEPRECATED", "YES" if replaced else "NO")
  srs = osr.SpatialReference()
  srs.ImportFromEPSG(code)
  srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
  return srs
def in_file(srs):
  gdal.GetDriverByName("GTiff").Create("/vsimem/a.tif", 1, 1).SetSpatialRef(srs)
  gdal.SetConfigOption("OSR_USE_NON_DEPRECATED", "YES")
  return gdal.Open("/vsimem/a.tif").GetSpatialRef()
def said(code):
  srs = system(code, False)
  is_another = not in_file(srs).IsSame(system(code, True), ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"])
  return {"code": code, "wkt": srs.ExportToWkt(), "isDynamic": bool(srs.IsDynamic()), "isAnother": is_another}
print(json.dumps({
  "systems": [said(int(code)) for code, in rows("""select code from geodetic_crs where auth_name = 'EPSG' and type = 'geographic 2D'
    and cast(code as int) < 32767 order by cast(code as int)""")],
  "version": rows("select value from metadata where key = 'EPSG.VERSION'").fetchone()[0],
}))`;

const [database] = process.argv.slice(2);
if (database === undefined) throw new Error('usage: make-datums PROJ.DB');
const { systems, version } = JSON.parse(
  execFileSync('/usr/bin/python3', ['-c', script, database], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  }),
) as Tables;

const code = String.raw`AUTHORITY\["EPSG","(\d+)"\]`;
const number = String.raw`([-\d.eE]+)`;
const spoken = new RegExp(
  String.raw`DATUM\["([^"]+)",SPHEROID\["([^"]+)",${number},${number},${code}\].*?,${code}\],` +
    String.raw`PRIMEM\["([^"]+)",${number},${code}\],UNIT\["[^"]+",${number}`,
  'u',
);

const ellipsoids = new Map<string, string>();
const meridians = new Map<string, string>();
/** Geographic codes by what they share. */
const codesOf = new Map<string, number[]>();
for (const { code: system, wkt } of systems) {
  const found = spoken.exec(wkt);
  if (!found) {
    console.error(`EPSG:${system} is left out: ${wkt}`);
    continue;
  }
  const [, datum, spheroid, a, rf, ellipsoid = '', datumCode, primem, longitude] = found;
  const [meridian = '', radians] = found.slice(9);
  ellipsoids.set(ellipsoid, `${spheroid}|${a}|${rf}`);
  meridians.set(meridian, `${primem}|${longitude}`);
  const key = [datumCode, datum, ellipsoid, meridian, radians].join('|');
  codesOf.set(key, [...(codesOf.get(key) ?? []), system]);
}

function lines(rows: ReadonlyMap<string, string>): string {
  return [...rows]
    .toSorted(([x], [y]) => Number(x) - Number(y))
    .map(([key, row]) => `  ${JSON.stringify(`${key}|${row}`)},`)
    .join('\n');
}

function codesWhere(isOne: (system: Tables['systems'][number]) => boolean): string {
  return systems
    .filter(isOne)
    .map((system) => system.code)
    .join(', ');
}

const rows = [...codesOf].map(
  ([key, codes]) => `  ${JSON.stringify(`${key}|${codes.join(' ')}`)},`,
);
const source = `/**
 * The datums of EPSG's geographic codes: made by the generator make-datums from PROJ's database with EPSG ${version}; not to be edited.
 */

/**
 * Code of the datum, its name, ellipsoid, prime meridian, radians of the unit, and the geographic
 * codes.
 */
export const datumRows: readonly string[] = [
${rows.join('\n')}
];

/** Code, name, semi-major axis, inverse flattening. */
export const ellipsoidRows: readonly string[] = [
${lines(ellipsoids)}
];

/** Code, name, degrees east of Greenwich. */
export const meridianRows: readonly string[] = [
${lines(meridians)}
];

/** Geographic codes whose points move. */
export const dynamicCodes: readonly number[] = [${codesWhere(({ isDynamic }) => isDynamic)}];

/**
 * Geographic codes of which GDAL reads another system from a file than from \`EPSG:n\`: mostly
 * those that others have replaced.
 */
export const otherInFiles: readonly number[] = [${codesWhere(({ isAnother }) => isAnother)}];
`;
const target = new URL('../../packages/raster/src/crs/datums.ts', import.meta.url);
writeFileSync(fileURLToPath(target), source);
