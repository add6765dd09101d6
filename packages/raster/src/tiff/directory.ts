/**
 * The header of a tile file: the file header, one directory (IFD), and the values that do not fit into its entries, in
 * this order and before any pixel, so that a reader has everything with its first read.
 */
import { fieldTypes, type FieldTypeName, type TiffVariant } from './tags.js';

/** One field of a directory. `offset` stands for the variant's own offset type. */
export interface Field {
  readonly tag: number;
  readonly type: FieldTypeName | 'offset';
  readonly values: readonly number[] | Uint8Array | Float64Array | Uint16Array;
}

/** A field of text, in UTF-8, with the NUL that ends it. */
export function textField(tag: number, text: string): Field {
  return { tag, type: 'ascii', values: new TextEncoder().encode(`${text}\0`) };
}

/** Blocks begin at a multiple of this, so that a reader can look at the samples where they lie. */
const BLOCK_ALIGNMENT_BYTES = 16;

/** The size of a header with these fields: where the first block may begin. */
export function headerBytes(variant: TiffVariant, fields: readonly Field[]): number {
  const { offsetType, entryCountType, header } = variant;
  let size =
    header.length + entryCountType.bytes + fields.length * entryBytes(variant) + offsetType.bytes;
  for (const field of fields) size += outsideBytes(variant, field);
  return alignUp(size, BLOCK_ALIGNMENT_BYTES);
}

/** Writes the header with these fields, sorted by tag as TIFF demands, to the start of `target`. */
export function writeHeader(
  variant: TiffVariant,
  fields: readonly Field[],
  target: Uint8Array,
): void {
  const { offsetType, entryCountType, header } = variant;
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  // The target has been used before; what lies between the values must not depend on that.
  target.fill(0, 0, headerBytes(variant, fields));
  target.set(header, 0);
  let entry = header.length;
  entryCountType.put(view, entry, fields.length);
  entry += entryCountType.bytes;
  // After the entries stands the offset of the next directory, of which there is none.
  const end = entry + fields.length * entryBytes(variant);
  offsetType.put(view, end, 0);
  let outside = end + offsetType.bytes;
  for (const field of fields.toSorted((a, b) => a.tag - b.tag)) {
    const type = typeOf(variant, field);
    view.setUint16(entry, field.tag, true);
    view.setUint16(entry + 2, type.code, true);
    offsetType.put(view, entry + 4, field.values.length);
    const value = entry + 4 + offsetType.bytes;
    const size = outsideBytes(variant, field);
    if (size > 0) offsetType.put(view, value, outside);
    else offsetType.put(view, value, 0);
    putValues(view, size > 0 ? outside : value, field, type);
    outside += size;
    entry += entryBytes(variant);
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

/** Tag, type, count, and the value or its offset (TIFF 6.0, section 2). */
function entryBytes(variant: TiffVariant): number {
  return 4 + 2 * variant.offsetType.bytes;
}

/** The bytes that a field takes outside its entry, where values begin on word boundaries; 0 if they fit inside. */
function outsideBytes(variant: TiffVariant, field: Field): number {
  const size = field.values.length * typeOf(variant, field).bytes;
  return size <= variant.offsetType.bytes ? 0 : alignUp(size, 8);
}

function alignUp(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}
