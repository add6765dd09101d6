export { openVrt } from './read/open-vrt.js';
export type { Mosaic, OpenVrtOptions, ReadOptions } from './read/open-vrt.js';
export { renderPreview } from './preview/preview.js';
export type { Preview, PreviewOptions, PreviewStyle } from './preview/preview.js';
export { verifyVrt } from './verify/verify-vrt.js';
export type { Problem, ProblemKind, VerifyOptions, VerifyReport } from './verify/verify-vrt.js';
