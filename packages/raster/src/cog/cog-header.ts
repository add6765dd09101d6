/**
 * Everything of a Cloud Optimized GeoTIFF that comes before its blocks, by tiff/directories-first.ts:
 * the directories of the raster, its mask, the overviews in falling size, and their masks.
 */
import type { Transform } from '../model.js';
import { directoriesFirst, type PlacedImage } from '../tiff/directories-first.js';
import type { Field } from '../tiff/directory.js';
import { overviewFields } from '../tiff/overview-fields.js';
import { tags, type TiffVariant } from '../tiff/tags.js';
import { MASK, maskFormat } from '../tiff/tile-format.js';
import { transformFields } from '../tiff/transform-fields.js';
import type { CogLevel, CogPlan } from './cog-plan.js';
import type { Spool } from './spool.js';

/** What the header is made of. */
export interface CogContent {
  readonly plan: CogPlan;
  readonly predictor: 1 | 2 | 3;
  /** One a level. */
  readonly spools: readonly Spool[];
  /** Of the raster, besides those of every tile. */
  readonly carried: readonly Field[];
  readonly transform: Transform | undefined;
}

/** One image of the file. */
interface Image extends PlacedImage {
  readonly spool: Spool;
}

/** The header of a file of some variant, and with it the size of the whole file. */
export function cogHeader(
  variant: TiffVariant,
  content: CogContent,
): { readonly header: Uint8Array; readonly sizeBytes: number } {
  const images = imagesOf(content);
  const header = directoriesFirst(variant, factsOf(content.plan), images, (headerBytes) => {
    const starts = spoolStarts(content.spools, headerBytes);
    return images.map(({ spool }) => starts.get(spool) as number);
  });
  const end = content.spools.reduce((sum, spool) => sum + spool.sizeBytes, header.length);
  return { header, sizeBytes: end };
}

/**
 * The order of levels in the file: the smallest first, so that a picture of all of it is near the
 * header.
 */
export function inFileOrder(spools: readonly Spool[]): readonly Spool[] {
  return spools.toReversed();
}

function spoolStarts(spools: readonly Spool[], firstBytes: number): ReadonlyMap<Spool, number> {
  let startBytes = firstBytes;
  return new Map(
    inFileOrder(spools).map((spool) => {
      const start = startBytes;
      startBytes += spool.sizeBytes;
      return [spool, start];
    }),
  );
}

function imagesOf({ plan, predictor, spools, carried, transform }: CogContent): readonly Image[] {
  const { format, levels } = plan;
  const predicted: readonly Field[] =
    predictor === 1 ? [] : [{ tag: tags.predictor, type: 'short', values: [predictor] }];
  const ofRaster = [
    ...format.fields.filter(({ tag }) => tag !== tags.gdalMetadata),
    ...carried,
    ...(transform ? transformFields(transform, format.pixelIs) : []),
  ];
  const ofOverview = overviewFields(format.fields);
  const image = (index: number): Image => ({
    fields: [
      ...(index === 0 ? ofRaster : ofOverview),
      ...predicted,
      ...sizeFields(plan, levels[index] as CogLevel),
    ],
    places: (spools[index] as Spool).image,
    spool: spools[index] as Spool,
  });
  const mask = (index: number): readonly Image[] => {
    const spool = spools[index] as Spool;
    const kind = index === 0 ? MASK.subfile : MASK.reducedSubfile;
    const own: Field = { tag: tags.newSubfileType, type: 'long', values: [kind] };
    const size = sizeFields(plan, levels[index] as CogLevel);
    const fields = [own, ...maskFormat(format, 1).fields, ...size];
    return spool.mask ? [{ fields, places: spool.mask, spool }] : [];
  };
  const overviews = levels.map((_, index) => index).slice(1);
  return [image(0), ...mask(0), ...overviews.map(image), ...overviews.flatMap(mask)];
}

function sizeFields({ blockSizePx }: CogPlan, { widthPx, heightPx }: CogLevel): readonly Field[] {
  const long = (tag: number, value: number): Field => ({ tag, type: 'long', values: [value] });
  return [
    long(tags.imageWidth, widthPx),
    long(tags.imageLength, heightPx),
    long(tags.tileWidth, blockSizePx),
    long(tags.tileLength, blockSizePx),
  ];
}

/**
 * What the blocks are like. The blank after the last fact is room for YES; where each band has a
 * block of its own, the mask follows all of them, and not each.
 */
function factsOf({ format }: CogPlan): string {
  const planes = format.interleave === 'band' ? format.bandCount : 1;
  return (
    'LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n' +
    'BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n ' +
    (format.hasMask && planes === 1 ? 'MASK_INTERLEAVED_WITH_IMAGERY=YES\n' : '')
  );
}
