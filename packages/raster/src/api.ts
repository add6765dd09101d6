/**
 * The package as compilers, editors and the API reference see it: the names of index.ts, each
 * function with the doc comment that stands where it is written. index.ts, which runs, loads what
 * reads mosaics at its first call.
 */
export * from './index.js';
export { writeCog } from './cog/write-cog.js';
export { fromVrt } from './read/from-vrt.js';
export { indexTiles } from './tile-index/index-tiles.js';
export { openVrt } from './read/open-vrt.js';
export { renderPreview } from './preview/preview.js';
export { addOverviews } from './write/add-overviews.js';
export { abandonMosaic, beginMosaic, joinMosaic, mosaicProgress } from './write/mosaic-parts.js';
export { recoverVrt } from './write/recover-vrt.js';
export { serveRaster } from './serve/serve-raster.js';
export { verifyVrt } from './verify/verify-vrt.js';
