/** @holdfast/raster: rasters tiled into GeoTIFFs under a GDAL VRT index, written whole or not at all. */
export type {
  BandInfo,
  ColourInterpretation,
  Crs,
  DataType,
  GeoKey,
  Georeferencing,
  Interleave,
  Nodata,
  PaletteEntry,
  Pixels,
  RasterArray,
  RasterInfo,
  Transform,
  Window,
} from './model.js';
export { fromArray } from './source/from-array.js';
export type { ArrayRaster, StridedArray } from './source/from-array.js';
export { fromChunks } from './source/from-chunks.js';
export type { ChunkedRaster } from './source/from-chunks.js';
export { fromZarr } from './source/from-zarr.js';
export type { ZarrArray, ZarrChunk, ZarrOptions } from './source/from-zarr.js';
export { fromGeoTiff } from './source/geotiff/from-geotiff.js';
export type { GeoTiffOptions } from './source/geotiff/from-geotiff.js';
export type { Cell, Grid } from './source/grid.js';
export type { RasterProfile } from './source/profile.js';
export type { RasterSource } from './source/raster-source.js';
export { compressionNames } from './codec/compressions.js';
export type { CompressionName, CompressionOptions, Predictor } from './codec/compressions.js';
export type { TileOptions } from './tiff/tile-format.js';
export { overviewMethods } from './overview/downsample.js';
export type { OverviewMethod } from './overview/downsample.js';
export type { OverviewOptions } from './overview/pyramid.js';
export { recoverVrt } from './write/recover-vrt.js';
export type { RecoverVrtOptions, VrtLeftover } from './write/recover-vrt.js';
export { writeTiledVrt } from './write/write-tiled-vrt.js';
export type { WrittenMosaic } from './write/write-tiled-vrt.js';
export type { WriteOptions, WriteProgress } from './write/mosaic-plan.js';
export { openVrt } from './read/open-vrt.js';
export type { Mosaic, OpenVrtOptions, ReadOptions } from './read/open-vrt.js';
export { renderPreview } from './preview/preview.js';
export type { Preview, PreviewOptions, PreviewStyle } from './preview/preview.js';
export { verifyVrt } from './verify/verify-vrt.js';
export type { Problem, ProblemKind, VerifyOptions, VerifyReport } from './verify/verify-vrt.js';
