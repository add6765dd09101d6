/**
 * The map projections that GeoTIFF, WKT and PROJ can all say, in one table: their names, and the
 * GeoKey of each parameter. Sources: OGC 19-008r4, annex C.4 and GeoTIFF 1.0's "projections list"
 * (method and key numbers), libgeotiff's choice of keys; OGC 01-009 and OGC 18-010r7 (WKT names);
 * PROJ's pages of the projections.
 */
import { geoKeys } from './geo-key-ids.js';

/**
 * A parameter, whatever a format calls it: origin, standard parallels, scale, false easting and
 * northing.
 */
export type Parameter =
  'lat0' | 'lon0' | 'lat1' | 'lat2' | 'azimuth' | 'gridAngle' | 'k0' | 'x0' | 'y0';

/** A projection method. */
export interface Method {
  /** `ProjMethodGeoKey` (3075). */
  readonly code: number;
  readonly proj: string;
  /** The name of WKT 1, as GDAL has it. */
  readonly wkt1: string;
  /** Other names: of Esri's WKT and of WKT 2. */
  readonly aliases: readonly string[];
  /** What WKT 1 calls the origin. */
  readonly origin: 'latitude_of_origin' | 'latitude_of_center';
  /** The GeoKey of each parameter that the method has. */
  readonly keys: Partial<Readonly<Record<Parameter, number>>>;
}

const FALSE_ORIGIN = { x0: geoKeys.projFalseEasting, y0: geoKeys.projFalseNorthing } as const;
const NATURAL = {
  lat0: geoKeys.projNatOriginLat,
  lon0: geoKeys.projNatOriginLong,
  ...FALSE_ORIGIN,
} as const;
const CENTRE = {
  lat0: geoKeys.projCenterLat,
  lon0: geoKeys.projCenterLong,
  ...FALSE_ORIGIN,
} as const;

const OBLIQUE = {
  lat0: geoKeys.projCenterLat,
  lon0: geoKeys.projCenterLong,
  azimuth: geoKeys.projAzimuthAngle,
  gridAngle: geoKeys.projAngleOfRectifiedGrid,
  k0: geoKeys.projScaleAtCenter,
  ...FALSE_ORIGIN,
} as const;

function method(
  code: number,
  proj: string,
  wkt1: string,
  keys: Method['keys'],
  aliases: readonly string[] = [],
  origin: Method['origin'] = 'latitude_of_origin',
): Method {
  return { code, proj, wkt1, aliases, origin, keys };
}

export const methods: readonly Method[] = [
  method(1, 'tmerc', 'Transverse_Mercator', { ...NATURAL, k0: geoKeys.projScaleAtNatOrigin }, [
    'Gauss_Kruger',
  ]),
  method(7, 'merc', 'Mercator_1SP', { ...NATURAL, k0: geoKeys.projScaleAtNatOrigin }, [
    'Mercator (variant A)',
  ]),
  method(7, 'merc', 'Mercator_2SP', { ...NATURAL, lat1: geoKeys.projStdParallel1 }, [
    'Mercator (variant B)',
    'Mercator',
  ]),
  method(
    8,
    'lcc',
    'Lambert_Conformal_Conic_2SP',
    {
      lat0: geoKeys.projFalseOriginLat,
      lon0: geoKeys.projFalseOriginLong,
      lat1: geoKeys.projStdParallel1,
      lat2: geoKeys.projStdParallel2,
      x0: geoKeys.projFalseOriginEasting,
      y0: geoKeys.projFalseOriginNorthing,
    },
    ['Lambert Conic Conformal (2SP)', 'Lambert_Conformal_Conic'],
  ),
  method(
    9,
    'lcc',
    'Lambert_Conformal_Conic_1SP',
    { ...NATURAL, k0: geoKeys.projScaleAtNatOrigin },
    ['Lambert Conic Conformal (1SP)'],
  ),
  method(
    10,
    'laea',
    'Lambert_Azimuthal_Equal_Area',
    CENTRE,
    ['Lambert Azimuthal Equal Area (Spherical)'],
    'latitude_of_center',
  ),
  method(
    11,
    'aea',
    'Albers_Conic_Equal_Area',
    { ...NATURAL, lat1: geoKeys.projStdParallel1, lat2: geoKeys.projStdParallel2 },
    ['Albers', 'Albers Equal Area'],
    'latitude_of_center',
  ),
  method(
    12,
    'aeqd',
    'Azimuthal_Equidistant',
    CENTRE,
    ['Modified Azimuthal Equidistant'],
    'latitude_of_center',
  ),
  method(
    15,
    'stere',
    'Polar_Stereographic',
    {
      lat0: geoKeys.projNatOriginLat,
      lon0: geoKeys.projStraightVertPoleLong,
      k0: geoKeys.projScaleAtNatOrigin,
      ...FALSE_ORIGIN,
    },
    [
      'Polar Stereographic (variant A)',
      'Polar Stereographic (variant B)',
      'Stereographic_North_Pole',
      'Stereographic_South_Pole',
    ],
  ),
  method(16, 'sterea', 'Oblique_Stereographic', { ...NATURAL, k0: geoKeys.projScaleAtNatOrigin }, [
    'Double_Stereographic',
  ]),
  method(14, 'stere', 'Stereographic', { ...CENTRE, k0: geoKeys.projScaleAtNatOrigin }),
  method(17, 'eqc', 'Equirectangular', { ...CENTRE, lat1: geoKeys.projStdParallel1 }, [
    'Equidistant_Cylindrical',
    'Plate_Carree',
  ]),
  method(18, 'cass', 'Cassini_Soldner', NATURAL, ['Cassini']),
  method(20, 'mill', 'Miller_Cylindrical', CENTRE, [], 'latitude_of_center'),
  method(21, 'ortho', 'Orthographic', CENTRE),
  method(22, 'poly', 'Polyconic', NATURAL, ['American Polyconic']),
  method(
    23,
    'robin',
    'Robinson',
    { lon0: geoKeys.projCenterLong, ...FALSE_ORIGIN },
    [],
    'latitude_of_center',
  ),
  method(
    24,
    'sinu',
    'Sinusoidal',
    { lon0: geoKeys.projCenterLong, ...FALSE_ORIGIN },
    [],
    'latitude_of_center',
  ),
  method(
    13,
    'eqdc',
    'Equidistant_Conic',
    { ...NATURAL, lat1: geoKeys.projStdParallel1, lat2: geoKeys.projStdParallel2 },
    [],
    'latitude_of_center',
  ),
  method(19, 'gnom', 'Gnomonic', CENTRE),
  method(25, 'vandg', 'VanDerGrinten', { lon0: geoKeys.projCenterLong, ...FALSE_ORIGIN }, [
    'Van_der_Grinten_I',
  ]),
  method(26, 'nzmg', 'New_Zealand_Map_Grid', NATURAL),
  method(
    27,
    'tmerc_south',
    'Transverse_Mercator_South_Orientated',
    { ...NATURAL, k0: geoKeys.projScaleAtNatOrigin },
    ['Transverse Mercator (South Orientated)'],
  ),
  method(
    3,
    'omerc',
    'Hotine_Oblique_Mercator',
    OBLIQUE,
    ['Hotine Oblique Mercator (variant A)', 'Rectified_Skew_Orthomorphic_Natural_Origin'],
    'latitude_of_center',
  ),
  method(
    9815,
    'omerc_centre',
    'Hotine_Oblique_Mercator_Azimuth_Center',
    OBLIQUE,
    ['Hotine Oblique Mercator (variant B)', 'Rectified_Skew_Orthomorphic_Center'],
    'latitude_of_center',
  ),
  method(
    28,
    'cea',
    'Cylindrical_Equal_Area',
    { lon0: geoKeys.projNatOriginLong, lat1: geoKeys.projStdParallel1, ...FALSE_ORIGIN },
    ['Lambert Cylindrical Equal Area'],
  ),
];

/** A name without what formats disagree on: case, spaces, underscores, brackets. */
function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** The method that WKT calls by this name. */
export function methodNamed(name: string): Method | undefined {
  const plain = plainName(name);
  return methods.find(({ wkt1, aliases }) =>
    [wkt1, ...aliases].some((n) => plainName(n) === plain),
  );
}

/** What WKT calls the parameters, 1 and 2, without case and spaces. */
const parameterNames: Readonly<Record<Parameter, readonly string[]>> = {
  lat0: [
    'latitudeoforigin',
    'latitudeofcenter',
    'latitudeofnaturalorigin',
    'latitudeoffalseorigin',
    'latitudeofprojectioncentre',
    'latitudeofstandardparallel',
  ],
  lon0: [
    'centralmeridian',
    'longitudeofcenter',
    'longitudeoforigin',
    'longitudeofnaturalorigin',
    'longitudeoffalseorigin',
    'longitudeofprojectioncentre',
  ],
  lat1: ['standardparallel1', 'latitudeof1ststandardparallel'],
  lat2: ['standardparallel2', 'latitudeof2ndstandardparallel'],
  azimuth: ['azimuth', 'azimuthofinitialline', 'azimuthatprojectioncentre'],
  gridAngle: ['rectifiedgridangle', 'xyplanerotation', 'anglefromrectifiedtoskewgrid'],
  k0: [
    'scalefactor',
    'scalefactorattheprojectioncentre',
    'scalefactoratprojectioncentre',
    'scalefactoratnaturalorigin',
  ],
  x0: ['falseeasting', 'eastingatfalseorigin', 'eastingatprojectioncentre'],
  y0: ['falsenorthing', 'northingatfalseorigin', 'northingatprojectioncentre'],
};

/** The parameter of a method that WKT calls by this name. */
export function parameterNamed(name: string, { keys }: Method): Parameter | undefined {
  const plain = plainName(name);
  // With a cylindrical projection the standard parallel is no origin; with a polar one it is.
  if (plain === 'latitudeofstandardparallel' && keys.lat1 !== undefined) return 'lat1';
  if (plain === 'standardparallel1' && keys.lat1 === undefined) return 'lat0';
  const names = Object.entries(parameterNames) as [Parameter, readonly string[]][];
  return names.find(([, known]) => known.includes(plain))?.[0];
}

/** What WKT 1 calls a parameter of a method. */
export function wkt1ParameterName(parameter: Parameter, { origin }: Method): string {
  const centred = origin === 'latitude_of_center';
  const names: Readonly<Record<Parameter, string>> = {
    lat0: origin,
    lon0: centred ? 'longitude_of_center' : 'central_meridian',
    lat1: 'standard_parallel_1',
    lat2: 'standard_parallel_2',
    azimuth: 'azimuth',
    gridAngle: 'rectified_grid_angle',
    k0: 'scale_factor',
    x0: 'false_easting',
    y0: 'false_northing',
  };
  return names[parameter];
}
