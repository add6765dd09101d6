/**
 * @holdfast/raster: rasters tiled into GeoTIFFs under a GDAL VRT index, written whole or not at
 *   all.
 *
 * What reads or recovers mosaics is loaded at its first call, since it takes as long as Node needs
 * to start, and most programs write.
 */
export type {
  BandInfo,
  ColourInterpretation,
  Crs,
  WithEpoch,
  DataType,
  GeoKey,
  Georeferencing,
  GroundControlPoint,
  GroundControlPoints,
  Interleave,
  MetadataDomains,
  Nodata,
  NotCarried,
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
export type { ChunkedRaster, ChunkedShape } from './source/from-chunks.js';
export { fromGpuBuffer } from './source/gpu/from-gpu-buffer.js';
export type { GpuBufferRaster } from './source/gpu/from-gpu-buffer.js';
export { fromGpuChunks } from './source/gpu/from-gpu-chunks.js';
export type { GpuChunk, GpuChunkedRaster } from './source/gpu/from-gpu-chunks.js';
export { fromGpuTexture } from './source/gpu/from-gpu-texture.js';
export type { GpuTextureRaster } from './source/gpu/from-gpu-texture.js';
export type { GpuOptions } from './source/gpu/gpu-options.js';
export type { BufferLayout } from './source/gpu/buffer-rows.js';
export type {
  GpuBuffer,
  GpuCommandEncoder,
  GpuDevice,
  GpuExtent,
  GpuMappableBuffer,
  GpuTexelRows,
  GpuTexture,
  GpuTextureOrigin,
} from './source/gpu/webgpu.js';
export { fromZarr } from './source/from-zarr.js';
export type { ZarrArray, ZarrChunk, ZarrOptions } from './source/from-zarr.js';
export { fromGeoTiff } from './source/geotiff/from-geotiff.js';
export type { GeoTiffOptions, OpenedGeoTiff } from './source/geotiff/from-geotiff.js';
export { joinSources } from './source/join-sources.js';
export type { NamedSource } from './source/join-sources.js';
export { mend } from './source/mend.js';
export type { Mending } from './source/mend.js';
export type { OpenedVrt, VrtSourceOptions } from './read/from-vrt.js';
export type { Cell, Grid } from './source/grid.js';
export type { RasterProfile } from './source/profile.js';
export type { RasterSource } from './source/raster-source.js';
export { compressionNames } from './codec/compressions.js';
export type { CompressionName, CompressionOptions, Predictor } from './codec/compressions.js';
export type { StacOptions } from './stac/stac-options.js';
export type { TileOptions } from './tiff/tile-format.js';
export { overviewMethods } from './overview/taps.js';
export type { OverviewMethod } from './overview/taps.js';
export type { OverviewOptions } from './overview/pyramid.js';
export type { CogOptions } from './cog/cog-plan.js';
export type { WrittenCog } from './cog/write-cog.js';
export type { IndexTilesOptions, WrittenIndex } from './tile-index/index-tiles.js';
export type { AddOverviewsOptions } from './write/add-overviews.js';
export type { RecoverVrtOptions, VrtLeftover } from './write/recover-vrt.js';
export { writeTiledVrt } from './write/write-tiled-vrt.js';
export type {
  AbandonMosaicOptions,
  BeginMosaicOptions,
  BegunMosaic,
  JoinMosaicOptions,
  MosaicCallOptions,
  MosaicPartsOptions,
  MosaicProgress,
  MosaicSession,
  MosaicSource,
  TileState,
} from './write/mosaic-parts.js';
export type { WrittenMosaic } from './write/write-mosaic.js';
export type { WriteOptions, WriteProgress } from './write/mosaic-plan.js';
export type { Mosaic, OpenVrtOptions, ReadOptions } from './read/open-vrt.js';
export type { ReadableStore } from './remote/store-ranges.js';
export type { RasterServer, ServeOptions } from './serve/serve-raster.js';
export type { Preview, PreviewOptions, PreviewStyle } from './preview/preview.js';
export type {
  Problem,
  ProblemKind,
  VerifyNote,
  VerifyOptions,
  VerifyReport,
} from './verify/verify-vrt.js';

export const addOverviews: typeof import('./write/add-overviews.js').addOverviews = async (
  ...args
) => (await import('./write/add-overviews.js')).addOverviews(...args);
export const beginMosaic: typeof import('./write/mosaic-parts.js').beginMosaic = async (...args) =>
  (await import('./write/mosaic-parts.js')).beginMosaic(...args);
export const joinMosaic: typeof import('./write/mosaic-parts.js').joinMosaic = async (...args) =>
  (await import('./write/mosaic-parts.js')).joinMosaic(...args);
export const mosaicProgress: typeof import('./write/mosaic-parts.js').mosaicProgress = async (
  ...args
) => (await import('./write/mosaic-parts.js')).mosaicProgress(...args);
export const abandonMosaic: typeof import('./write/mosaic-parts.js').abandonMosaic = async (
  ...args
) => (await import('./write/mosaic-parts.js')).abandonMosaic(...args);
export const fromVrt: typeof import('./read/from-vrt.js').fromVrt = async (...args) =>
  (await import('./read/from-vrt.js')).fromVrt(...args);
export const indexTiles: typeof import('./tile-index/index-tiles.js').indexTiles = async (
  ...args
) => (await import('./tile-index/index-tiles.js')).indexTiles(...args);
export const openVrt: typeof import('./read/open-vrt.js').openVrt = async (...args) =>
  (await import('./read/open-vrt.js')).openVrt(...args);
export const renderPreview: typeof import('./preview/preview.js').renderPreview = async (...args) =>
  (await import('./preview/preview.js')).renderPreview(...args);
export const recoverVrt: typeof import('./write/recover-vrt.js').recoverVrt = async (...args) =>
  (await import('./write/recover-vrt.js')).recoverVrt(...args);
export const serveRaster: typeof import('./serve/serve-raster.js').serveRaster = async (...args) =>
  (await import('./serve/serve-raster.js')).serveRaster(...args);
export const verifyVrt: typeof import('./verify/verify-vrt.js').verifyVrt = async (...args) =>
  (await import('./verify/verify-vrt.js')).verifyVrt(...args);
export const writeCog: typeof import('./cog/write-cog.js').writeCog = async (...args) =>
  (await import('./cog/write-cog.js')).writeCog(...args);
