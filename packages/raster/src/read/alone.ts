/** A single GeoTIFF as the index of a mosaic that is nothing but it. */
import { coordinateEpoch, srsText } from '../crs/crs.js';
import { imageBands, type RasterInfo } from '../model.js';
import type { VrtDocument } from './vrt-document.js';

/** @param filename - relative to its own folder, as `maskFilename`, which may be the same */
export function documentOf(
  filename: string,
  info: RasterInfo,
  maskFilename: string | undefined,
): VrtDocument {
  const { widthPx, heightPx, dataType, nodata, georeferencing, metadata = {} } = info;
  const { crs, transform, pixelIs } = georeferencing;
  const areaOrPoint = pixelIs && { AREA_OR_POINT: pixelIs === 'area' ? 'Area' : 'Point' };
  const items: Readonly<Record<string, string>> = { ...areaOrPoint, ...metadata };
  const source = {
    filename,
    relativeToVrt: true,
    overviewLevel: undefined,
    source: undefined,
    destination: undefined,
    fileWidthPx: widthPx,
    fileHeightPx: heightPx,
    nodata: undefined,
  };
  const mask = maskFilename === filename ? { isMask: true } : {};
  return {
    widthPx,
    heightPx,
    srs: crs && srsText(crs),
    transform,
    metadata: new Map([['', items]]),
    domains: info.domains,
    gcps: info.gcps,
    coordinateEpoch: coordinateEpoch(crs),
    bands: imageBands(info).map((band, index) => ({
      dataType,
      nodata,
      info: band,
      sources: [{ ...source, bandNumber: index + 1 }],
      overviews: [],
    })),
    mask:
      maskFilename === undefined
        ? undefined
        : {
            dataType: 'uint8',
            nodata: undefined,
            info: {},
            sources: [{ ...source, filename: maskFilename, bandNumber: 1, ...mask }],
            overviews: [],
          },
  };
}
