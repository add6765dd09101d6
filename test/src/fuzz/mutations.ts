/** Changes to inputs, made by fast-check from a seed: the same seed gives the same inputs. */
import * as fc from 'fast-check';
import type { FuzzTarget } from './target.js';

/**
 * One change; positions and lengths are shares of what there is, so that a change fits every input.
 */
type Change =
  | { readonly kind: 'byte'; readonly at: number; readonly value: number }
  | { readonly kind: 'bit'; readonly at: number; readonly bit: number }
  | {
      readonly kind: 'number';
      readonly at: number;
      readonly width: 2 | 4 | 8;
      readonly value: bigint;
      readonly little: boolean;
      readonly hot: boolean;
    }
  | { readonly kind: 'cut'; readonly at: number; readonly length: number }
  | { readonly kind: 'end'; readonly at: number }
  | {
      readonly kind: 'repeat';
      readonly at: number;
      readonly length: number;
      readonly times: number;
    }
  | {
      readonly kind: 'splice';
      readonly at: number;
      readonly from: number;
      readonly other: number;
      readonly length: number;
    }
  | { readonly kind: 'word'; readonly at: number; readonly word: number };

/** How an input is made: from which seed file, and by which changes one after another. */
export interface Recipe {
  readonly seedFile: number;
  readonly changes: readonly Change[];
}

const share = fc.nat(1_000_000).map((part) => part / 1_000_001);
/** Few bytes, mostly. */
const length = fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 4096 }));

/** Numbers at which readers count wrong: around zero, the ends of each width, and powers of two. */
const oddNumbers: readonly bigint[] = [
  ...Array.from({ length: 65 }, (_, bits) => 1n << BigInt(bits)),
  ...Array.from({ length: 65 }, (_, bits) => (1n << BigInt(bits)) - 1n),
  3n,
  7n,
  12n,
  60_000n,
  4_000_000_000n,
  4_294_967_290n,
];
const number = fc.oneof(fc.constantFrom(...oddNumbers), fc.bigInt({ min: 0n, max: 70_000n }));

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), at: share, value: fc.nat(255) }),
  fc.record({ kind: fc.constant('bit' as const), at: share, bit: fc.nat(7) }),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('number' as const),
      at: share,
      width: fc.constantFrom(2 as const, 4 as const, 8 as const),
      value: number,
      little: fc.boolean(),
      hot: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant('cut' as const), at: share, length }),
  fc.record({ kind: fc.constant('end' as const), at: share }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: share,
    length,
    times: fc.integer({ min: 1, max: 64 }),
  }),
  fc.record({
    kind: fc.constant('splice' as const),
    at: share,
    from: share,
    other: share,
    length,
  }),
  fc.record({ kind: fc.constant('word' as const), at: share, word: share }),
);

const recipe: fc.Arbitrary<Recipe> = fc.record({
  seedFile: fc.nat(),
  changes: fc.array(change, { minLength: 1, maxLength: 8, size: 'max' }),
});

const BATCH = 500;
/** Inputs stay small: what grows without end only slows the search down. */
const MOST_BYTES = 256 * 1024;

/** Recipes without end. */
export function* recipes(seed: number): Generator<Recipe> {
  for (let batch = 0; ; batch += 1)
    yield* fc.sample(recipe, { seed: seed + batch, numRuns: BATCH });
}

/** The input of a recipe. */
export function inputOf(
  { seedFile, changes }: Recipe,
  files: readonly Uint8Array[],
  target: FuzzTarget,
): Uint8Array {
  let input: Buffer = Buffer.from(files[seedFile % files.length] as Uint8Array);
  const places = target.places?.(input) ?? [];
  for (const each of changes) input = changed(input, each, files, places, target.words ?? []);
  const whole = input.subarray(0, MOST_BYTES);
  return target.repair?.(whole) ?? whole;
}

function changed(
  input: Buffer,
  each: Change,
  files: readonly Uint8Array[],
  places: readonly number[],
  words: readonly string[],
): Buffer {
  const at = Math.floor(each.at * (input.length + 1));
  let result = input;
  switch (each.kind) {
    case 'byte':
      if (at < input.length) input[at] = each.value;
      break;
    case 'bit':
      if (at < input.length) input[at] = (input[at] as number) ^ (1 << each.bit);
      break;
    case 'number': {
      const hot = each.hot ? places[Math.floor(each.at * places.length)] : undefined;
      result = withNumber(input, hot ?? at, each);
      break;
    }
    case 'cut':
      result = replaced(input, at, each.length, []);
      break;
    case 'end':
      result = input.subarray(0, at);
      break;
    case 'repeat': {
      const piece = input.subarray(at, at + each.length);
      const copies = Array.from({ length: each.times }, () => piece);
      result = replaced(input, at, 0, copies);
      break;
    }
    case 'splice': {
      const other = files[Math.floor(each.other * files.length)] as Uint8Array;
      const from = Math.floor(each.from * other.length);
      const piece = other.subarray(from, from + each.length);
      result = replaced(input, at, piece.length, [piece]);
      break;
    }
    case 'word': {
      const word = words[Math.floor(each.word * words.length)] ?? '';
      result = replaced(input, at, 0, [Buffer.from(word)]);
      break;
    }
  }
  return result;
}

/** The input with other pieces in the place of so many bytes. */
function replaced(input: Buffer, at: number, bytes: number, pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat([input.subarray(0, at), ...pieces, input.subarray(at + bytes)]);
}

function withNumber(
  input: Buffer,
  at: number,
  { width, value, little }: Extract<Change, { kind: 'number' }>,
): Buffer {
  if (at < 0 || at + width > input.length) return input;
  const bytes = Buffer.alloc(8);
  if (little) bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  else bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  (little ? bytes.subarray(0, width) : bytes.subarray(8 - width)).copy(input, at);
  return input;
}
