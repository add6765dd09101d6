/**
 * What a VRT index says, as plain data (GDAL's `gdalvrt.xsd`): the parts that a mosaic of simple
 * sources uses.
 */
import type {
  BandInfo,
  DataType,
  GroundControlPoints,
  MetadataDomains,
  Nodata,
  Transform,
} from '../model.js';

/** A rectangle in pixels; GDAL allows fractions of a pixel. */
export interface PixelRectangle {
  readonly xPx: number;
  readonly yPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** One source of one band: a window of a file's band, placed in a window of the mosaic. */
export interface VrtSource {
  /** The name as the index has it. */
  readonly filename: string;
  /** Whether the name is relative to the folder of the index. */
  readonly relativeToVrt: boolean;
  /** The band of the file, from 1; of its mask where `isMask` says so. */
  readonly bandNumber: number;
  readonly isMask?: boolean | undefined;
  /** Which overview of the file is meant, from 0; the file's own raster when missing. */
  readonly overviewLevel: number | undefined;
  /** The part of the file that is read; the whole file when missing. */
  readonly source: PixelRectangle | undefined;
  /** Where it goes in the mosaic; the whole mosaic when missing. */
  readonly destination: PixelRectangle | undefined;
  /** Size of the file as the index promises it. */
  readonly fileWidthPx: number | undefined;
  readonly fileHeightPx: number | undefined;
  /** Type of its samples as the index promises it; that of the band when missing. */
  readonly fileDataType?: DataType | undefined;
  /** Pixels of the file with this value leave what lies below them (ComplexSource's `NODATA`). */
  readonly nodata: Nodata | undefined;
  /** Pixels that the mask of the file leaves out leave what lies below them too (`UseMaskBand`). */
  readonly usesMask?: boolean | undefined;
}

/** The same text for the same parts of an index. */
export function textOfParts(parts: unknown): string {
  return JSON.stringify(parts, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** One band of a mosaic. */
export interface VrtBand {
  readonly dataType: DataType;
  readonly nodata: Nodata | undefined;
  readonly info: BandInfo;
  readonly sources: readonly VrtSource[];
  /** Smaller pictures of the band, as files. */
  readonly overviews: readonly VrtOverview[];
  /** One of the band alone, in an index that has none for all of them. */
  readonly mask?: VrtBand | undefined;
}

/** A band of a file that is a smaller picture of a band. */
export type VrtOverview = Pick<
  VrtSource,
  'filename' | 'relativeToVrt' | 'bandNumber' | 'isMask' | 'overviewLevel'
>;

/** A whole index. */
export interface VrtDocument {
  readonly widthPx: number;
  readonly heightPx: number;
  /** As written: WKT, `EPSG:n` or a PROJ string. */
  readonly srs: string | undefined;
  readonly coordinateEpoch?: number | undefined;
  readonly transform: Transform | undefined;
  /** Metadata items by domain; the default domain is `''`. */
  readonly metadata: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** The other domains, without what GDAL says of storage. */
  readonly domains?: MetadataDomains | undefined;
  /** Of an index without a transform. */
  readonly gcps?: GroundControlPoints | undefined;
  readonly bands: readonly VrtBand[];
  /** One mask for all bands: the index's own, or what all bands have in the same words. */
  readonly mask?: VrtBand | undefined;
  /** The names of elements of the index and its bands that are not understood, each once. */
  readonly unread?: readonly string[] | undefined;
}
