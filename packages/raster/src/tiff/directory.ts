/**
 * The header of an image in a tile file: the file header, if the image is the first, one directory
 * (IFD), and the values that do not fit into its entries, in this order and before any pixel, so
 * that a reader has everything with its first read.
 */
import { fieldTypes, type FieldTypeName, type TiffVariant } from './tags.js';

/** One field of a directory. `offset` stands for the variant's own offset type. */
export interface Field {
  readonly tag: number;
  readonly type: FieldTypeName | 'offset';
  readonly values: readonly number[] | Uint8Array | Float64Array | Uint16Array | Uint32Array;
}

/** A field of text, in UTF-8, with the NUL that ends it. */
export function textField(tag: number, text: string): Field {
  return { tag, type: 'ascii', values: new TextEncoder().encode(`${text}\0`) };
}

/** Blocks begin at a multiple of this, so that a reader can look at the samples where they lie. */
const BLOCK_ALIGNMENT_BYTES = 16;

/** Where an image lies in its file. */
interface ImagePlace {
  /** The offset of its first byte; the file header is part of the first image only. */
  readonly startBytes: number;
  /** The offset of the next image; 0 when there is none. */
  readonly nextBytes: number;
}

const ONLY_IMAGE: ImagePlace = { startBytes: 0, nextBytes: 0 };

/**
 * The size of a header with these fields: where the first block may begin, from the start of the
 * image.
 */
export function headerBytes(
  variant: TiffVariant,
  fields: readonly Field[],
  { startBytes }: ImagePlace = ONLY_IMAGE,
): number {
  const fileHeaderBytes = startBytes === 0 ? variant.header.length : 0;
  let size = fileHeaderBytes + directoryBytes(variant, fields.length);
  for (const field of fields) size += outsideBytes(variant, field);
  return alignToBlock(size);
}

/** The next offset at which a block or an image may begin. */
export function alignToBlock(sizeBytes: number): number {
  return alignUp(sizeBytes, BLOCK_ALIGNMENT_BYTES);
}

/**
 * Writes the header with these fields, sorted by tag as TIFF demands, to the start of `target`,
 * which is its image.
 */
export function writeHeader(
  variant: TiffVariant,
  fields: readonly Field[],
  target: Uint8Array,
  place: ImagePlace = ONLY_IMAGE,
): void {
  const header = place.startBytes === 0 ? variant.header : [];
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  // The target has been used before; what lies between the values must not depend on that.
  target.fill(0, 0, headerBytes(variant, fields, place));
  target.set(header, 0);
  let outside = header.length + directoryBytes(variant, fields.length);
  putDirectory(
    variant,
    fields,
    { view, at: header.length, nextBytes: place.nextBytes },
    (field) => {
      const at = outside;
      outside += outsideBytes(variant, field);
      return { at, offsetBytes: place.startBytes + at };
    },
  );
}

/** The size of a directory with so many entries, without the values that do not fit into them. */
export function directoryBytes(
  { offsetType, entryCountType }: TiffVariant,
  entryCount: number,
): number {
  return entryCountType.bytes + entryCount * (4 + 2 * offsetType.bytes) + offsetType.bytes;
}

/**
 * Writes a directory, its entries sorted by tag as TIFF demands.
 *
 * @param outside - where the values of a field go that do not fit into its entry: in the view, and
 *   in the file
 */
export function putDirectory(
  variant: TiffVariant,
  fields: readonly Field[],
  {
    view,
    at,
    nextBytes,
  }: { readonly view: DataView; readonly at: number; readonly nextBytes: number },
  outside: (field: Field) => { readonly at: number; readonly offsetBytes: number },
): void {
  const { offsetType, entryCountType } = variant;
  entryCountType.put(view, at, fields.length);
  // After the entries stands the offset of the next directory.
  offsetType.put(view, at + directoryBytes(variant, fields.length) - offsetType.bytes, nextBytes);
  let entry = at + entryCountType.bytes;
  for (const field of fields.toSorted((a, b) => a.tag - b.tag)) {
    const type = typeOf(variant, field);
    view.setUint16(entry, field.tag, true);
    view.setUint16(entry + 2, type.code, true);
    offsetType.put(view, entry + 4, field.values.length);
    const value = entry + 4 + offsetType.bytes;
    offsetType.put(view, value, 0);
    const place = outsideBytes(variant, field) > 0 ? outside(field) : undefined;
    if (place) offsetType.put(view, value, place.offsetBytes);
    putValues(view, place?.at ?? value, field, type);
    entry += 4 + 2 * offsetType.bytes;
  }
}

function putValues(
  view: DataView,
  offsetBytes: number,
  field: Field,
  type: { bytes: number; put: (view: DataView, offsetBytes: number, value: number) => void },
): void {
  let offset = offsetBytes;
  for (const value of field.values) {
    type.put(view, offset, value);
    offset += type.bytes;
  }
}

function typeOf(variant: TiffVariant, field: Field): (typeof fieldTypes)[FieldTypeName] {
  return field.type === 'offset' ? variant.offsetType : fieldTypes[field.type];
}

/**
 * The bytes that a field takes outside its entry, where values begin on word boundaries; 0 if they
 * fit inside.
 */
export function outsideBytes(variant: TiffVariant, field: Field): number {
  const size = field.values.length * typeOf(variant, field).bytes;
  return size <= variant.offsetType.bytes ? 0 : alignUp(size, 8);
}

function alignUp(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}
