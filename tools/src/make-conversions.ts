/**
 * Makes packages/raster/src/crs/conversions.ts out of PROJ's database: the projection of each of EPSG's conversions that GeoTIFF has a
 * method for, what each projected code is made of, and how GDAL says those of other methods. Run by hand when EPSG has new codes; it needs
 * GDAL's Python:
 *
 *     node REPO/tools/dist/make-conversions.js /usr/share/proj/proj.db
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** EPSG's methods in the words of WKT 1, and its parameters in the order of {@link conversionRows}. */
const methods: Readonly<Record<number, readonly [name: string, parameters: string]>> = {
  9801: ['Lambert_Conformal_Conic_1SP', '8801 8802 8805 8806 8807'],
  9802: ['Lambert_Conformal_Conic_2SP', '8821 8822 8823 8824 8826 8827'],
  9804: ['Mercator_1SP', '8801 8802 8805 8806 8807'],
  9805: ['Mercator_2SP', '8823 8802 8806 8807'],
  9806: ['Cassini_Soldner', '8801 8802 8806 8807'],
  9807: ['Transverse_Mercator', '8801 8802 8805 8806 8807'],
  9808: ['Transverse_Mercator_South_Orientated', '8801 8802 8805 8806 8807'],
  9809: ['Oblique_Stereographic', '8801 8802 8805 8806 8807'],
  9810: ['Polar_Stereographic', '8801 8802 8805 8806 8807'],
  9811: ['New_Zealand_Map_Grid', '8801 8802 8806 8807'],
  9812: ['Hotine_Oblique_Mercator', '8811 8812 8813 8814 8815 8806 8807'],
  9815: ['Hotine_Oblique_Mercator_Azimuth_Center', '8811 8812 8813 8814 8815 8816 8817'],
  9818: ['Polyconic', '8801 8802 8806 8807'],
  9820: ['Lambert_Azimuthal_Equal_Area', '8801 8802 8806 8807'],
  9822: ['Albers_Conic_Equal_Area', '8821 8822 8823 8824 8826 8827'],
  9829: ['Polar_Stereographic', '8832 8833 8806 8807'],
  9835: ['Cylindrical_Equal_Area', '8823 8802 8806 8807'],
};

/** What the parameters are to GeoTIFF (projections.ts). */
const parameterNames: Readonly<Record<string, string>> = {
  8801: 'lat0',
  8802: 'lon0',
  8805: 'k0',
  8806: 'x0',
  8807: 'y0',
  8811: 'lat0',
  8812: 'lon0',
  8813: 'azimuth',
  8814: 'gridAngle',
  8815: 'k0',
  8816: 'x0',
  8817: 'y0',
  8821: 'lat0',
  8822: 'lon0',
  8823: 'lat1',
  8824: 'lat2',
  8826: 'x0',
  8827: 'y0',
  8832: 'lat0',
  8833: 'lon0',
};

interface Tables {
  /** Code, method, then code, value and unit of up to seven parameters. */
  readonly conversions: readonly (readonly (string | null)[])[];
  /** Code, geographic code, conversion, unit, 1 where northings come before eastings, and 1 where both count to the south and west. */
  readonly projected: readonly (readonly number[])[];
  /** Code, metres, name. */
  readonly lengths: readonly (readonly [number, string, string])[];
  /** Projected code, and the one that has replaced it, for which GDAL takes it. */
  readonly replaced: readonly (readonly [number, number])[];
  readonly version: string;
}

/** Numbers as Python has them, with all their digits. */
const script = `
import json, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute
text = lambda row: [None if each is None else repr(each) for each in row]
columns = ", ".join(f"param{n}_code, param{n}_value, param{n}_uom_code" for n in range(1, 8))
print(json.dumps({
  "conversions": [text(row) for row in rows(f"select code, method_code, {columns} from conversion_table where auth_name = 'EPSG' order by code")],
  "projected": list(rows("""select p.code, geodetic_crs_code, conversion_code, x.uom_code, x.orientation = 'north' and y.orientation = 'east',
    x.orientation in ('south', 'west') and y.orientation in ('south', 'west') from projected_crs p
    join axis x on x.coordinate_system_auth_name = p.coordinate_system_auth_name and x.coordinate_system_code = p.coordinate_system_code and x.coordinate_system_order = 1
    join axis y on y.coordinate_system_auth_name = p.coordinate_system_auth_name and y.coordinate_system_code = p.coordinate_system_code and y.coordinate_system_order = 2
    where p.auth_name = 'EPSG' and geodetic_crs_auth_name = 'EPSG' and conversion_auth_name = 'EPSG' order by p.code""")),
  "lengths": [[code, repr(factor), name] for code, factor, name in rows("""select code, conv_factor, name from unit_of_measure
    where auth_name = 'EPSG' and type = 'length' and code > 9000 order by code""")],
  "replaced": list(rows("""select cast(deprecated_code as int), min(cast(replacement_code as int)) from deprecation where table_name = 'projected_crs'
    and deprecated_auth_name = 'EPSG' and replacement_auth_name = 'EPSG' group by 1 having count(*) = 1 order by 1""")),
  "version": rows("select value from metadata where key = 'EPSG.VERSION'").fetchone()[0],
}))`;

/** What GDAL says of projected codes, where it reads the same again: WKT 1 or a PROJ string. */
const saying = `
import json, re, sys
from osgeo import osr
osr.UseExceptions()
def said(code):
  srs = osr.SpatialReference()
  srs.ImportFromEPSG(code)
  # Without its code, by which GDAL would know it.
  for export in (lambda: re.sub(r',AUTHORITY\\["EPSG","\\d+"\\]\\]$', "]", srs.ExportToWkt()), srs.ExportToProj4):
    try:
      text = export()
      again = osr.SpatialReference()
      again.SetFromUserInput(text)
      if not text.startswith("PROJCRS") and "EXTENSION" not in text and again.IsSame(srs, ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"]):
        return text
    except RuntimeError:
      pass
  return ""
print(json.dumps({code: said(code) for code in json.loads(sys.argv[1])}))`;

/** Runs a script with GDAL's Python. */
function answerOf(text: string, argument: string): unknown {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', text, argument], options));
}

const [database] = process.argv.slice(2);
if (database === undefined) throw new Error('usage: make-conversions PROJ.DB');
const tables = answerOf(script, database) as Tables;
const metresOf = new Map(tables.lengths.map(([code, metres]) => [code, Number(metres)]));
const SEXAGESIMAL = 9110;
const SOUTH_ORIENTATED = 9808;
/** Past it GeoTIFF has no codes. */
const USER_DEFINED = 32767;
/** Degrees of angles, and the ratios that scales are. */
const factors: Readonly<Record<number, number>> = {
  9102: 1,
  9122: 1,
  9105: 0.9,
  9201: 1,
  9202: 1e-6,
};

/** In degrees or metres, or as a ratio. */
function inUnits(text: string, unit: number): number {
  if (unit === SEXAGESIMAL) return degreesOfDigits(text);
  const factor = factors[unit] ?? metresOf.get(unit);
  if (factor === undefined) throw new Error(`the unit ${unit} is not known`);
  return Number((Number(text) * factor).toPrecision(15));
}

/** `39.2` is 39 degrees and 20 minutes. */
function degreesOfDigits(text: string): number {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/u.exec(text) ?? [];
  const digits = fraction.padEnd(4, '0');
  const seconds = Number(`${digits.slice(2, 4)}.${digits.slice(4)}`);
  const degrees = Number(whole) + Number(digits.slice(0, 2)) / 60 + seconds / 3600;
  return Number(((sign === '-' ? -1 : 1) * degrees).toPrecision(15));
}

const used = new Set(tables.projected.map(([, , conversion]) => String(conversion)));
const rowsOf = new Map<string, string[]>();
const known = new Set<number>();
/** Conversions that count to the south and west by themselves. */
const southOrientated = new Set<number>();
for (const [code = '', method = '', ...cells] of tables.conversions) {
  const [name, order] = methods[Number(method)] ?? [];
  const isZone = Number(code) >= 10_000 && Number(code) < 20_000;
  if (name === undefined || order === undefined || (!used.has(String(code)) && !isZone)) continue;
  const values = order.split(' ').map((parameter) => {
    const at = cells.findIndex((cell, index) => index % 3 === 0 && cell === parameter);
    if (at < 0) throw new Error(`conversion ${code} has no parameter ${parameter}`);
    const value = inUnits(cells[at + 1] ?? '', Number(cells[at + 2]));
    return value === 0 ? '' : String(value);
  });
  const kind = `${name} ${order
    .split(' ')
    .map((parameter) => parameterNames[parameter])
    .join(' ')}`;
  rowsOf.set(kind, [...(rowsOf.get(kind) ?? []), [code, ...values].join()]);
  known.add(Number(code));
  if (Number(method) === SOUTH_ORIENTATED) southOrientated.add(Number(code));
}

const codesOf = new Map<string, string[]>();
const before = new Map<string, number>();
const rowOf = new Map(tables.projected.map((row) => [row[0] ?? 0, row]));
const replacedBy = new Map(tables.replaced);
const others: number[] = [];
const replacedUnits: (readonly [code: number, unit: number])[] = [];
for (const [code = 0, ...own] of tables.projected) {
  const [geographic, conversion = 0, unit, isNorthingFirst, isSouthWest] =
    rowOf.get(replacedBy.get(code) ?? 0)?.slice(1) ?? own;
  const isKnown = known.has(conversion) && !(isSouthWest && !southOrientated.has(conversion));
  if (!isKnown && code < USER_DEFINED) others.push(code);
  if (unit !== own[2]) replacedUnits.push([code, own[2] ?? 0]);
  const kind = `${geographic} ${unit}${isNorthingFirst ? ' north' : ''}`;
  const gap = code - (before.get(kind) ?? 0);
  before.set(kind, code);
  const of = isKnown ? conversion.toString(36) : '';
  codesOf.set(kind, [...(codesOf.get(kind) ?? []), `${gap.toString(36)}:${of}`]);
}

/** Of WKT 1 what follows the geographic system, less the unit and codes; or a PROJ string, less its unit. */
function otherText(said: string): string | undefined {
  if (said.startsWith('+')) return said.replace(/\+(?:units|to_meter)=\S+ ?/gu, '');
  const [, projection, axes = ''] =
    /(PROJECTION\[.*),UNIT\["[^"]+",[^[\]]+(?:,AUTHORITY\[[^\]]*\])?\](,AXIS\[.*?\],AXIS\[.*?\])?/u.exec(
      said,
    ) ?? [];
  return projection === undefined ? undefined : `${projection}${axes}`;
}

const said = answerOf(saying, JSON.stringify(others)) as Readonly<Record<number, string>>;
const codesOfText = new Map<string, number[]>();
for (const code of others) {
  const text = otherText(said[code] ?? '');
  if (text === undefined) console.error(`GDAL has no words for EPSG:${code}`);
  else codesOfText.set(text, [...(codesOfText.get(text) ?? []), code]);
}

function rows(entries: ReadonlyMap<string, readonly string[]>, separator: string): string {
  return [...entries].map(([kind, each]) => `  ['${kind}', '${each.join(separator)}'],`).join('\n');
}

const source = `/**
 * EPSG's conversions and projected codes: made by the generator make-conversions from PROJ's database with EPSG ${tables.version}; not to
 * be edited.
 */

/** Method and parameters; conversions by \`;\`: code and values, in degrees and metres, of which 0 is left out. */
export const conversionRows: readonly (readonly [kind: string, conversions: string])[] = [
${rows(rowsOf, ';')}
];

/** Geographic code, unit, and whether northings come first; projected codes, as gaps, and their conversions, of which those of other methods are left out, in base 36. */
export const projectedRows: readonly (readonly [kind: string, codes: string])[] = [
${rows(codesOf, ' ')}
];

/** Units of length: code, metres, name. */
export const lengthRows: readonly (readonly [code: number, metres: number, name: string])[] = [
${tables.lengths.map(([code, metres, name]) => `  [${code}, ${Number(metres)}, ${JSON.stringify(name)}],`).join('\n')}
];

/** Projected codes that others have replaced in another unit, and their own. */
export const replacedUnits: readonly (readonly [code: number, unit: number])[] = [
${replacedUnits.map((pair) => `  [${pair.join(', ')}],`).join('\n')}
];

/** What GDAL says of projected codes of other methods, in their own units: of WKT 1 from PROJECTION on, less UNIT; or a PROJ string, less \`+units\`. */
export const otherRows: readonly (readonly [text: string, ...codes: number[]])[] = [
${[...codesOfText].map(([text, codes]) => `  [${JSON.stringify(text)}, ${codes.join(', ')}],`).join('\n')}
];
`;
const target = new URL('../../packages/raster/src/crs/conversions.ts', import.meta.url);
writeFileSync(fileURLToPath(target), source);
