/**
 * The images of a GeoTIFF: the raster, smaller pictures of it, and masks (TIFF 6.0,
 * NewSubfileType).
 */
import type { ReadableFile } from '../readable-file.js';
import { directories } from './directories.js';
import { Tags } from './image-tags.js';

const REDUCED = 1;
const MASK = 4;

export interface Images {
  /** The first image. */
  readonly raster: Tags;
  readonly mask: Tags | undefined;
  /** In the order of the file, as GDAL counts them. */
  readonly overviews: readonly Tags[];
  readonly overviewMasks: readonly Tags[];
  /** How many further images there are that are none of these. */
  readonly others: number;
}

/** The first image alone: enough for who knows the file. */
export async function firstImage(file: ReadableFile): Promise<Tags> {
  for await (const directory of directories(file)) return new Tags(directory);
  throw new Error('it has no image');
}

export async function imagesOf(file: ReadableFile): Promise<Images> {
  let raster: Tags | undefined;
  const found = { masks: [] as Tags[], overviews: [] as Tags[], overviewMasks: [] as Tags[] };
  let others = 0;
  for await (const directory of directories(file)) {
    const image = new Tags(directory);
    const kind = (await image.number('newSubfileType')) ?? 0;
    const [isReduced, isMask] = [(kind & REDUCED) !== 0, (kind & MASK) !== 0];
    if (!raster) raster = image;
    else if (isMask) (isReduced ? found.overviewMasks : found.masks).push(image);
    else if (isReduced) found.overviews.push(image);
    else others += 1;
  }
  if (!raster) throw new Error('it has no image');
  const { masks, overviews, overviewMasks } = found;
  return { raster, mask: masks[0], overviews, overviewMasks, others };
}
