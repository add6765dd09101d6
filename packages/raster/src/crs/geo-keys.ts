/** From a CRS, however it was named, to the GeoKeys that say it (OGC 19-008r4, 7.4 and 7.5). */
import type { Crs, GeoKey, Georeferencing } from '../model.js';
import { definitionKeys } from './definition.js';
import { compoundParts, epsgKind, type EpsgKind } from './epsg.js';
import { definitionOfProj } from './proj-string.js';
import { epsgCodeOf, parseWkt, textAt, type WktNode } from './wkt.js';
import { definitionOfWkt, unbound, wktKind } from './wkt-definition.js';
import { geoKeys } from './geo-key-ids.js';

const RASTER_TYPE = { area: 1, point: 2 } as const;
const METRE = 9001;
const USER_DEFINED = 32767;

/** How the citation begins that holds a system as WKT. */
export const ESRI_PREFIX = 'ESRI PE String = ';
const MOST_ESRI_BYTES = 2398;

/** All keys of a georeferencing; none when there is neither a CRS nor pixels that are points. */
export function geoKeysOf({ crs, pixelIs = 'area' }: Georeferencing): readonly GeoKey[] {
  // GDAL would read a directory of nothing but "area" as a local CRS without a name.
  if (!crs && pixelIs === 'area') return [];
  const keys = crs ? crsKeys(crs) : [];
  return [
    { id: geoKeys.rasterType, value: RASTER_TYPE[pixelIs] },
    ...keys.filter((key) => key.id !== geoKeys.rasterType),
  ];
}

/** The keys of a CRS alone. */
export function crsKeys(crs: Crs): readonly GeoKey[] {
  if (crs.kind === 'geoKeys') return crs.keys;
  const { coordinateEpoch } = crs;
  const keys = keysOfSystem(crs);
  return coordinateEpoch === undefined
    ? keys
    : [...keys, { id: geoKeys.coordinateEpoch, value: coordinateEpoch }];
}

function keysOfSystem(crs: Exclude<Crs, { readonly kind: 'geoKeys' }>): readonly GeoKey[] {
  if (crs.kind === 'epsg') return epsgKeys(crs.code);
  if (crs.kind === 'wkt') return wktKeys(crs.wkt);
  const definition = definitionOfProj(crs.proj);
  return definition ? definitionKeys(definition) : citationKeys(crs.proj);
}

/** The model type of each kind of code (1024), and the key that the code itself goes into. */
const codeKeys: Readonly<
  Partial<Record<EpsgKind, { readonly model: number; readonly key: number }>>
> = {
  projected: { model: 1, key: geoKeys.projectedCrs },
  geographic: { model: 2, key: geoKeys.geodeticCrs },
  geocentric: { model: 3, key: geoKeys.geodeticCrs },
  // There is no model type for heights alone: 0 is "undefined".
  vertical: { model: 0, key: geoKeys.vertical },
};

/** Each kind of code has a key of its own; a compound one is said by its two parts. */
function epsgKeys(code: number): readonly GeoKey[] {
  const parts = compoundParts(code);
  if (parts)
    return [...epsgKeys(parts.horizontal), { id: geoKeys.vertical, value: parts.vertical }];
  const kind = epsgKind(code);
  const keys = kind && codeKeys[kind];
  if (!keys) return citationKeys(`EPSG:${code}`);
  return [
    { id: geoKeys.modelType, value: keys.model },
    { id: keys.key, value: code },
    ...(kind === 'geocentric' ? [{ id: geoKeys.geogLinearUnits, value: METRE }] : []),
  ];
}

/** By the code that the WKT gives itself, if EPSG knows it; else spelt out; else as a citation. */
function wktKeys(wkt: string): readonly GeoKey[] {
  const root = parseWkt(wkt);
  const node = root && unbound(root);
  return (node && nodeKeys(node)) ?? esriKeys(wkt);
}

/**
 * As ArcGIS and GDAL write a system that GeoTIFF has no keys for. GDAL looks for it in the citation
 * of the projected system, and reads so many bytes of it.
 */
function esriKeys(wkt: string): readonly GeoKey[] {
  const text = `${ESRI_PREFIX}${wkt}`;
  if (Buffer.byteLength(text) > MOST_ESRI_BYTES) return citationKeys(wkt);
  return [
    { id: geoKeys.modelType, value: USER_DEFINED },
    { id: geoKeys.projectedCitation, value: text },
  ];
}

function nodeKeys(node: WktNode): readonly GeoKey[] | undefined {
  const code = epsgCodeOf(node);
  const kind = wktKind(node);
  if (code !== undefined && epsgKind(code) === kind && kind !== 'engineering')
    return epsgKeys(code);
  if (kind === 'compound') return compoundKeys(node);
  const definition = definitionOfWkt(node);
  return definition && definitionKeys(definition);
}

function compoundKeys(node: WktNode): readonly GeoKey[] | undefined {
  const [horizontal, vertical] = node.children;
  const keys = horizontal && nodeKeys(horizontal);
  if (!keys || !vertical) return undefined;
  const code = epsgCodeOf(vertical);
  const citation: GeoKey = { id: geoKeys.verticalCitation, value: textAt(vertical) ?? 'unknown' };
  return [...keys, { id: geoKeys.vertical, value: code ?? USER_DEFINED }, citation];
}

function citationKeys(text: string): readonly GeoKey[] {
  return [
    { id: geoKeys.modelType, value: USER_DEFINED },
    { id: geoKeys.citation, value: text },
  ];
}
