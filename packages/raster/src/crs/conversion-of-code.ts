/**
 * What EPSG's codes of conversions, projected systems and lengths stand for; GeoTIFF's projection
 * codes (3074) are those of conversions.
 */
import {
  conversionRows,
  lengthRows,
  otherRows,
  projectedRows,
  replacedUnits,
} from './conversions.js';
import type { Projection } from './definition.js';
import { methodNamed, type Method, type Parameter } from './projections.js';

/** A projected code: the codes of what it is made of. */
interface ProjectedCode {
  readonly geographic: number;
  /** `undefined` for one of a method that GeoTIFF has not. */
  readonly conversion: number | undefined;
  /** Of lengths. */
  readonly unit: number;
  /** Whether northings come before eastings. */
  readonly isNorthingFirst: boolean;
}

/** A unit of length. */
interface LengthUnit {
  readonly code: number;
  readonly metres: number;
  readonly name: string;
}

interface Conversion {
  readonly method: Method;
  /** In degrees and metres. */
  readonly parameters: Partial<Readonly<Record<Parameter, number>>>;
}

let conversionOfCode: Map<number, Conversion> | undefined;
let projectedOfCode: Map<number, ProjectedCode> | undefined;

export const lengthUnits: readonly LengthUnit[] = lengthRows.map(([code, metres, name]) => ({
  code,
  metres,
  name,
}));

/** The unit of a code of lengths. */
export function lengthUnit(code: number | undefined): LengthUnit | undefined {
  return lengthUnits.find((unit) => unit.code === code);
}

export function projectedCode(code: number): ProjectedCode | undefined {
  projectedOfCode ??= unpackProjected();
  return projectedOfCode.get(code);
}

/**
 * The unit of a projected code that another has replaced in another unit; GDAL takes
 * {@link projectedCode} in this one.
 */
export function replacedUnit(code: number): number | undefined {
  return replacedUnits.find(([replaced]) => replaced === code)?.[1];
}

/**
 * How GDAL says the projection of a code that GeoTIFF has no method for, in the code's own unit:
 * WKT 1 from PROJECTION on, or a PROJ string.
 */
export function otherProjection(code: number): string | undefined {
  return otherRows.find(([, ...codes]) => codes.includes(code))?.[0];
}

/** The projection of a conversion in the units of a system. */
export function projectionOfConversion(
  code: number | undefined,
  {
    radiansPerUnit,
    metresPerUnit,
  }: { readonly radiansPerUnit: number; readonly metresPerUnit: number },
): Projection | undefined {
  conversionOfCode ??= unpackConversions();
  const found = code === undefined ? undefined : conversionOfCode.get(code);
  if (!found) return undefined;
  const inUnits = (parameter: Parameter, value: number): number => {
    if (parameter === 'k0') return value;
    const isLength = parameter === 'x0' || parameter === 'y0';
    if (isLength) return value / metresPerUnit;
    const degrees = radiansPerUnit / (Math.PI / 180);
    return Math.abs(degrees - 1) < 1e-9 ? value : value / degrees;
  };
  const given = Object.entries(found.parameters) as [Parameter, number][];
  return {
    name: 'unknown',
    method: found.method,
    parameters: Object.fromEntries(
      given.map(([parameter, value]) => [parameter, inUnits(parameter, value)]),
    ),
    metresPerUnit,
  };
}

function unpackConversions(): Map<number, Conversion> {
  const conversions = new Map<number, Conversion>();
  for (const [kind, rows] of conversionRows) {
    const [name = '', ...names] = kind.split(' ');
    const method = methodNamed(name);
    if (!method) throw new Error(`there is no method ${name}`);
    for (const row of rows.split(';')) {
      const [code, ...values] = row.split(',').map(Number);
      const parameters = Object.fromEntries(names.map((each, at) => [each, values[at] ?? 0]));
      conversions.set(code ?? 0, { method, parameters });
    }
  }
  return conversions;
}

function unpackProjected(): Map<number, ProjectedCode> {
  const codes = new Map<number, ProjectedCode>();
  for (const [kind, row] of projectedRows) {
    const [geographic = 0, unit = 0] = kind.split(' ').map(Number);
    const isNorthingFirst = kind.endsWith(' north');
    let code = 0;
    for (const [gap = '', of = ''] of row.split(' ').map((each) => each.split(':'))) {
      code += Number.parseInt(gap, 36);
      const conversion = of === '' ? undefined : Number.parseInt(of, 36);
      codes.set(code, { geographic, unit, isNorthingFirst, conversion });
    }
  }
  return codes;
}
