/** What a VRT index says, as plain data (GDAL's `gdalvrt.xsd`): the parts that a mosaic of simple sources uses. */
import type { BandInfo, DataType, Nodata, Transform } from '../model.js';

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
  /** The band of the file, from 1. */
  readonly bandNumber: number;
  /** Which overview of the file is meant, from 0; the file's own raster when missing. */
  readonly overviewLevel: number | undefined;
  /** The part of the file that is read; the whole file when missing. */
  readonly source: PixelRectangle | undefined;
  /** Where it goes in the mosaic; the whole mosaic when missing. */
  readonly destination: PixelRectangle | undefined;
  /** Size of the file as the index promises it. */
  readonly fileWidthPx: number | undefined;
  readonly fileHeightPx: number | undefined;
  /** Pixels of the file with this value leave what lies below them (ComplexSource's `NODATA`). */
  readonly nodata: Nodata | undefined;
}

/** One band of a mosaic. */
export interface VrtBand {
  readonly dataType: DataType;
  readonly nodata: Nodata | undefined;
  readonly info: BandInfo;
  readonly sources: readonly VrtSource[];
  /** Smaller pictures of the band, as files. */
  readonly overviews: readonly VrtOverview[];
}

/** A band of a file that is a smaller picture of a band. */
export type VrtOverview = Pick<VrtSource, 'filename' | 'relativeToVrt' | 'bandNumber'>;

/** A whole index. */
export interface VrtDocument {
  readonly widthPx: number;
  readonly heightPx: number;
  /** As written: WKT, `EPSG:n` or a PROJ string. */
  readonly srs: string | undefined;
  readonly transform: Transform | undefined;
  /** Metadata items by domain; the default domain is `''`. */
  readonly metadata: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly bands: readonly VrtBand[];
}
