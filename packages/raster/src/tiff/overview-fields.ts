/**
 * The fields of an overview inside a tile file: those of the tile, less what says something of the
 * tile as a whole.
 */
import type { Field } from './directory.js';
import { tags } from './tags.js';

/**
 * TIFF 6.0, NewSubfileType: bit 0 marks a reduced-resolution version of another image of the file.
 */
const REDUCED_RESOLUTION = 1;

const ofTheWhole: ReadonlySet<number> = new Set([
  tags.modelPixelScale,
  tags.modelTiepoint,
  tags.modelTransformation,
  tags.geoKeyDirectory,
  tags.geoDoubleParams,
  tags.geoAsciiParams,
  tags.gdalMetadata,
]);

/** The fields of the overviews, given those that are the same in every tile. */
export function overviewFields(fields: readonly Field[]): readonly Field[] {
  return [
    { tag: tags.newSubfileType, type: 'long', values: [REDUCED_RESOLUTION] },
    ...fields.filter(({ tag }) => !ofTheWhole.has(tag)),
  ];
}
