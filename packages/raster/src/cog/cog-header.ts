/**
 * Everything of a Cloud Optimized GeoTIFF that comes before its blocks:
 *
 * 1. the header of a TIFF, and GDAL's ghost area, which says how the blocks follow each other
 *    (GDAL's COG driver page)
 * 2. the directories: the raster, its mask, the overviews in falling size, their masks; each with
 *    what does not fit into it but the places of blocks
 * 3. the places of all blocks, in the order of the directories, so that the first read of a reader
 *    gets all directories
 */
import type { Transform } from '../model.js';
import { directoryBytes, type Field, outsideBytes, putDirectory } from '../tiff/directory.js';
import { overviewFields } from '../tiff/overview-fields.js';
import { tags, type TiffVariant } from '../tiff/tags.js';
import { MASK, maskFormat } from '../tiff/tile-format.js';
import { transformFields } from '../tiff/transform-fields.js';
import type { CogLevel, CogPlan } from './cog-plan.js';
import type { BlockPlaces, Spool } from './spool.js';

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
interface Image {
  readonly fields: readonly Field[];
  readonly places: BlockPlaces;
  readonly spool: Spool;
}

/** The header of a file of some variant, and with it the size of the whole file. */
export function cogHeader(
  variant: TiffVariant,
  content: CogContent,
): { readonly header: Uint8Array; readonly sizeBytes: number } {
  const images = imagesOf(content);
  const ghost = new TextEncoder().encode(ghostText(content.plan));
  const firstBytes = evenly(variant.header.length + ghost.length);
  const { directories, arrays, sizeBytes } = layOut(variant, images, firstBytes);
  const header = new Uint8Array(sizeBytes);
  header.set(variant.header);
  header.set(ghost, variant.header.length);
  const view = new DataView(header.buffer);
  variant.offsetType.put(view, variant.header.length - variant.offsetType.bytes, firstBytes);
  const starts = spoolStarts(content.spools, sizeBytes);
  for (const [index, image] of images.entries()) {
    const at = directories[index] as number;
    const fields = withPlaces(image, starts.get(image.spool) as number);
    let outside = at + directoryBytes(variant, fields.length);
    let array = arrays[index] as number;
    putDirectory(variant, fields, { view, at, nextBytes: directories[index + 1] ?? 0 }, (field) => {
      const size = outsideBytes(variant, field);
      const place = isOfPlaces(field) ? array : outside;
      if (isOfPlaces(field)) array += size;
      else outside += size;
      return { at: place, offsetBytes: place };
    });
  }
  const end = content.spools.reduce((sum, spool) => sum + spool.sizeBytes, sizeBytes);
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

/** Where the directories and the places of their blocks lie. */
function layOut(
  variant: TiffVariant,
  images: readonly Image[],
  firstBytes: number,
): {
  readonly directories: readonly number[];
  readonly arrays: readonly number[];
  readonly sizeBytes: number;
} {
  let at = firstBytes;
  const directories: number[] = [];
  const sizes = images.map((image) => {
    const fields = withPlaces(image, 0);
    const [inner, places] = [false, true].map((ofPlaces) =>
      fields
        .filter((field) => isOfPlaces(field) === ofPlaces)
        .reduce((sum, field) => sum + outsideBytes(variant, field), 0),
    ) as [number, number];
    directories.push(at);
    at = evenly(at + directoryBytes(variant, fields.length) + inner);
    return places;
  });
  const arrays = sizes.map((size) => {
    const start = at;
    at += size;
    return start;
  });
  return { directories, arrays, sizeBytes: at };
}

/** Directories begin on a word boundary (TIFF 6.0, section 2). */
function evenly(bytes: number): number {
  return bytes + (bytes % 2);
}

function isOfPlaces({ tag }: Field): boolean {
  return tag === tags.tileOffsets || tag === tags.tileByteCounts;
}

function withPlaces({ fields, places }: Image, spoolBytes: number): readonly Field[] {
  const { startBytes, sizesBytes } = places;
  const offsets = startBytes.map((start, index) =>
    sizesBytes[index] === 0 ? 0 : spoolBytes + start,
  );
  return [
    ...fields,
    { tag: tags.tileOffsets, type: 'offset', values: offsets },
    { tag: tags.tileByteCounts, type: 'long', values: sizesBytes },
  ];
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
function ghostText({ format }: CogPlan): string {
  const planes = format.interleave === 'band' ? format.bandCount : 1;
  const facts =
    'LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n' +
    'BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n ' +
    (format.hasMask && planes === 1 ? 'MASK_INTERLEAVED_WITH_IMAGERY=YES\n' : '');
  const size = String(facts.length).padStart(6, '0');
  return `GDAL_STRUCTURAL_METADATA_SIZE=${size} bytes\n${facts}`;
}
