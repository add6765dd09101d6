/**
 * The names of what lies beside a GeoTIFF and says more of it, and is not read here: metadata of
 * satellites, as the readers of GDAL find them (its `gcore/mdreader`: DigitalGlobe, GeoEye,
 * OrbView, Landsat, Pleiades, RapidEye, EROS, Kompsat, ALOS, Resurs), and of ArcGIS.
 */

/** Names by what they say. */
export interface UnreadNames {
  /** Where the raster lies. */
  readonly placing: readonly string[];
  /** What else there is to know. */
  readonly telling: readonly string[];
}

/** @param name - of the file, and `stem`, the same without its ending */
export function unreadNames(name: string, stem: string): UnreadNames {
  const bothCases = (endings: readonly string[]): readonly string[] =>
    endings.flatMap((ending) => [`${stem}${ending}`, `${stem}${ending.toUpperCase()}`]);
  return {
    placing: [...bothCases(['.tab', '.rpc']), ...ofParts(stem, 'RPC')],
    telling: [
      ...bothCases(['.imd', '.pvl', '.xml', '.pass', '.eph', '_metadata.xml']),
      ...prefixesOf(stem).flatMap((prefix) => [
        `${prefix}_MTL.txt`,
        `${prefix}_MTL.TXT`,
        `${prefix}_metadata.txt`,
        `${prefix}_METADATA.TXT`,
      ]),
      ...ofParts(stem, 'DIM'),
      ...(stem.startsWith('IMG-') ? ['summary.txt'] : []),
      `${name}.xml`,
      `${name}.vat.dbf`,
    ],
  };
}

/**
 * A file of one band has the metadata of its scene: `LC08_…_T1_B4.TIF` those in
 * `LC08_…_T1_MTL.txt`.
 */
function prefixesOf(stem: string): readonly string[] {
  const parts = stem.split('_');
  return parts.map((_, at) => parts.slice(0, at + 1).join('_'));
}

/**
 * Of Pleiades and SPOT, whose image is `IMG_<scene>_R1C1.TIF`, and of ALOS, whose is
 * `IMG-<band>-<scene>.tif`.
 */
function ofParts(stem: string, kind: 'DIM' | 'RPC'): readonly string[] {
  const [, scene] = /^IMG_(.+?)(?:_R\d+C\d+)?$/u.exec(stem) ?? [];
  const [, alos] = /^IMG-\d+-(.+)$/u.exec(stem) ?? [];
  return [
    ...(scene === undefined ? [] : [`${kind}_${scene}.XML`]),
    ...(alos === undefined || kind !== 'RPC' ? [] : [`RPC-${alos}.txt`]),
  ];
}
