/**
 * A TIFF of several images whose directories come before all blocks, as readers over a network like
 * it and as Cloud Optimized GeoTIFFs have it:
 *
 * 1. the header of a TIFF, and GDAL's ghost area, which says how the blocks follow each other (GDAL's
 *    COG driver page)
 * 2. the directories, each with what does not fit into it but the places of blocks
 * 3. the places of all blocks, in the order of the directories, so that the first read of a reader
 *    gets all directories
 */
import { directoryBytes, type Field, outsideBytes, putDirectory } from './directory.js';
import { tags, type TiffVariant } from './tags.js';

/** Where the blocks of an image lie, in the order of TileOffsets. */
export interface BlocksPlaced {
  /** From the start of the image's blocks. */
  readonly startBytes: ArrayLike<number>;
  /** 0 for a block that is left out. */
  readonly sizesBytes: ArrayLike<number>;
}

/** One image of the file. */
export interface PlacedImage {
  /** All but the places of its blocks. */
  readonly fields: readonly Field[];
  readonly places: BlocksPlaced;
}

/**
 * Everything that comes before the blocks.
 *
 * @param facts - what the ghost area says
 * @param startsOf - where the blocks of each image begin, when so many bytes come before all of
 *   them
 */
export function directoriesFirst(
  variant: TiffVariant,
  facts: string,
  images: readonly PlacedImage[],
  startsOf: (headerBytes: number) => readonly number[],
): Uint8Array {
  const ghost = new TextEncoder().encode(ghostText(facts));
  const firstBytes = evenly(variant.header.length + ghost.length);
  const { directories, arrays, sizeBytes } = layOut(variant, images, firstBytes);
  const header = new Uint8Array(sizeBytes);
  header.set(variant.header);
  header.set(ghost, variant.header.length);
  const view = new DataView(header.buffer);
  variant.offsetType.put(view, variant.header.length - variant.offsetType.bytes, firstBytes);
  const starts = startsOf(sizeBytes);
  for (const [index, image] of images.entries()) {
    const at = directories[index] as number;
    const fields = withPlaces(image, starts[index] as number);
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
  return header;
}

/** Where the directories and the places of their blocks lie. */
function layOut(
  variant: TiffVariant,
  images: readonly PlacedImage[],
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

function withPlaces({ fields, places }: PlacedImage, blocksBytes: number): readonly Field[] {
  const { startBytes, sizesBytes } = places;
  const offsets = Array.from(startBytes, (start, index) =>
    sizesBytes[index] === 0 ? 0 : blocksBytes + start,
  );
  return [
    ...fields,
    { tag: tags.tileOffsets, type: 'offset', values: offsets },
    { tag: tags.tileByteCounts, type: 'long', values: Array.from(sizesBytes) },
  ];
}

function ghostText(facts: string): string {
  const size = String(facts.length).padStart(6, '0');
  return `GDAL_STRUCTURAL_METADATA_SIZE=${size} bytes\n${facts}`;
}
