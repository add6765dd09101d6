/** Makes a small TIFF of whatever fields a test wants, true or not. */

/** Tag, type (2 text, 3 short, 4 long, 12 double), values. */
export type Field = readonly [tag: number, type: 2 | 3 | 4 | 12, values: readonly number[]];

const widths = { 2: 1, 3: 2, 4: 4, 12: 8 };

/** A classic TIFF with one directory, and `blob` at its end. `at` gives where the blob begins. */
export function tiffOf(fields: (at: number) => readonly Field[], blob: Uint8Array): Uint8Array {
  const draft = build(fields(0), blob);
  return build(fields(draft.length - blob.length), blob);
}

function build(fields: readonly Field[], blob: Uint8Array): Uint8Array {
  const sorted = fields.toSorted(([a], [b]) => a - b);
  const head = Buffer.alloc(14 + 12 * sorted.length);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(sorted.length, 8);
  const values: Buffer[] = [];
  let end = head.length;
  for (const [index, [tag, type, list]] of sorted.entries()) {
    const entry = 10 + 12 * index;
    const bytes = bytesOf(type, list);
    head.writeUInt16LE(tag, entry);
    head.writeUInt16LE(type, entry + 2);
    head.writeUInt32LE(list.length, entry + 4);
    if (bytes.length <= 4) bytes.copy(head, entry + 8);
    else {
      head.writeUInt32LE(end, entry + 8);
      values.push(bytes);
      end += bytes.length;
    }
  }
  return Buffer.concat([head, ...values, blob]);
}

function bytesOf(type: Field[1], list: readonly number[]): Buffer {
  const width = widths[type];
  const bytes = Buffer.alloc(width * list.length);
  for (const [index, value] of list.entries()) {
    if (type === 12) bytes.writeDoubleLE(value, index * width);
    else bytes.writeUIntLE(value, index * width, width);
  }
  return bytes;
}

/**
 * The fields of an uncompressed image of one strip, or of tiles; `over` replaces and adds by tag.
 */
export function fieldsOf(
  [widthPx, heightPx, bands]: readonly [number, number, number],
  over: readonly Field[] = [],
): readonly Field[] {
  const all = new Map<number, Field>();
  const plain: readonly Field[] = [
    [256, 4, [widthPx]],
    [257, 4, [heightPx]],
    [258, 3, [8]],
    [259, 3, [1]],
    [262, 3, [1]],
    [277, 4, [bands]],
    [339, 3, [1]],
    ...over,
  ];
  for (const field of plain) all.set(field[0], field);
  return [...all.values()];
}

/** Strips, of which the first is at `at`. */
export const stripsAt = (
  at: number,
  sizes: readonly number[],
  rowsPerStrip: number,
): readonly Field[] => [
  [278, 4, [rowsPerStrip]],
  [273, 4, sizes.map(() => at)],
  [279, 4, [...sizes]],
];

/** Tiles, all of them at `at`. */
export const tilesAt = (
  at: number,
  sizes: readonly number[],
  [widthPx, heightPx]: readonly [number, number],
): readonly Field[] => [
  [322, 4, [widthPx]],
  [323, 4, [heightPx]],
  [324, 4, sizes.map(() => at)],
  [325, 4, [...sizes]],
];
