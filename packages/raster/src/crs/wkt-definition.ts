/**
 * Spells out the WKT of a projected, geographic or geocentric system, as far as GeoTIFF can say it.
 */
import type { Definition, Geographic, Projection } from './definition.js';
import { methodNamed, parameterNamed, type Parameter } from './projections.js';
import { childOf, epsgCodeOf, numberAt, textAt, type WktNode } from './wkt.js';

/**
 * The keywords of WKT 1 and 2 for each kind of system. `GEODCRS` is geocentric when its axes are
 * Cartesian.
 */
const keywords = {
  projected: ['PROJCS', 'PROJCRS', 'PROJECTEDCRS'],
  geographic: ['GEOGCS', 'GEOGCRS', 'GEOGRAPHICCRS', 'GEODCRS', 'GEODETICCRS'],
  geocentric: ['GEOCCS'],
  vertical: ['VERT_CS', 'VERTCRS', 'VERTICALCRS'],
  compound: ['COMPD_CS', 'COMPOUNDCRS'],
  engineering: ['LOCAL_CS', 'ENGCRS', 'ENGINEERINGCRS'],
} as const;

type WktKind = keyof typeof keywords;

/** The kind of a system, by its keyword; `undefined` for what is no coordinate reference system. */
export function wktKind(node: WktNode): WktKind | undefined {
  const kinds = Object.entries(keywords) as [WktKind, readonly string[]][];
  const kind = kinds.find(([, known]) => known.includes(node.keyword))?.[0];
  const cartesian = textAt(childOf(node, 'CS'))?.toLowerCase() === 'cartesian';
  return kind === 'geographic' && cartesian ? 'geocentric' : kind;
}

/** The system itself, without what only leads from it to another one. */
export function unbound(node: WktNode): WktNode {
  if (node.keyword !== 'BOUNDCRS') return node;
  return childOf(node, 'SOURCECRS')?.children[0] ?? node;
}

/** The definition; `undefined` when something of it has no GeoKey. */
export function definitionOfWkt(node: WktNode): Definition | undefined {
  const kind = wktKind(node);
  // Of a system with heights of its own GeoTIFF has nothing but a code.
  if (kind === 'geographic' && axesOf(node) > 2) return undefined;
  if (kind === 'geographic' || kind === 'geocentric') {
    const geographic = geographicOf(node);
    return geographic && { kind, geographic, projection: undefined };
  }
  // An extension is another definition, in PROJ's words.
  if (kind !== 'projected' || childOf(node, 'EXTENSION') || axesOf(node) > 2) return undefined;
  const base = childOf(node, 'GEOGCS', 'BASEGEOGCRS', 'BASEGEODCRS');
  const geographic = base && geographicOf(base);
  const projection = projectionOf(node);
  return geographic && projection && { kind, geographic, projection };
}

function axesOf({ children }: WktNode): number {
  return children.filter(({ keyword }) => keyword === 'AXIS').length;
}

function geographicOf(node: WktNode): Geographic | undefined {
  const datum = childOf(node, 'DATUM', 'GEODETICDATUM', 'TRF', 'ENSEMBLE');
  const ellipsoid = datum && childOf(datum, 'SPHEROID', 'ELLIPSOID');
  const semiMajor = numberAt(ellipsoid, 1);
  if (!datum || !ellipsoid || semiMajor === undefined) return undefined;
  return {
    name: textAt(node) ?? 'unknown',
    datumName: textAt(datum) ?? 'unknown',
    ellipsoidName: textAt(ellipsoid),
    primeMeridianName: textAt(childOf(node, 'PRIMEM', 'PRIMEMERIDIAN')),
    code: epsgCodeOf(node),
    semiMajorM: semiMajor * (numberAt(childOf(ellipsoid, 'LENGTHUNIT'), 1) ?? 1),
    inverseFlattening: numberAt(ellipsoid, 2) ?? 0,
    primeMeridianDegrees: numberAt(childOf(node, 'PRIMEM', 'PRIMEMERIDIAN'), 1) ?? 0,
    radiansPerUnit: angleUnitOf(node) ?? Math.PI / 180,
  };
}

/**
 * WKT 1 gives the unit of a geographic system once; WKT 2 also with each axis. Geocentric ones have
 * a length there.
 */
function angleUnitOf(node: WktNode): number | undefined {
  if (wktKind(node) === 'geocentric') return undefined;
  const axis = childOf(node, 'AXIS');
  const unit = childOf(node, 'UNIT', 'ANGLEUNIT') ?? (axis && childOf(axis, 'UNIT', 'ANGLEUNIT'));
  return numberAt(unit, 1);
}

function projectionOf(node: WktNode): Projection | undefined {
  const conversion = childOf(node, 'CONVERSION') ?? node;
  const method = methodNamed(textAt(childOf(conversion, 'PROJECTION', 'METHOD')) ?? '');
  const axis = childOf(node, 'AXIS');
  const unit = childOf(node, 'UNIT', 'LENGTHUNIT') ?? (axis && childOf(axis, 'UNIT', 'LENGTHUNIT'));
  const metresPerUnit = numberAt(unit, 1);
  if (!method || metresPerUnit === undefined) return undefined;
  const parameters: Partial<Record<Parameter, number>> = {};
  for (const child of conversion.children.filter(({ keyword }) => keyword === 'PARAMETER')) {
    const value = numberAt(child, 1);
    const parameter = parameterNamed(textAt(child) ?? '', method);
    // A parameter that cannot be said is no matter when it changes nothing.
    if (parameter && value !== undefined && method.keys[parameter] !== undefined) {
      parameters[parameter] = value;
    } else if (value !== 0 && !(parameter === 'k0' && value === 1)) return undefined;
  }
  return { name: textAt(node) ?? 'unknown', method, parameters, metresPerUnit };
}
