/**
 * The sequence of production tokens of a prefix, the same that Metaflow's Python makes
 * (metaflow/plugins/aws/step_functions/production_token.py): token i is `<prefix>-<i>-<4 letters>`,
 * where the letters are what `random.seed(zlib.adler32(b"<prefix>-<i>-"))` and
 * `random.sample(string.ascii_lowercase, 4)` give.
 */
import { Buffer } from 'node:buffer';
import { MersenneTwister } from './mersenne-twister.js';

/** How many tokens a prefix has. */
export const TOKEN_COUNT = 10_000;

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const SAMPLE_SIZE = 4;
/** The bits of a number below 26. */
const LETTER_BITS = 5;
/** The largest prime below 2^16 (RFC 1950, section 8.2). */
const ADLER_MODULUS = 65521;

/** Token `index` of a prefix. */
export function tokenAt(prefix: string, index: number): string {
  const stem = `${prefix}-${index}-`;
  return stem + sampleLetters(new MersenneTwister(adler32(Buffer.from(stem))));
}

/** The place of a token in the sequence of a prefix, or `undefined` if it is not in it. */
export function indexOfToken(prefix: string, token: string): number | undefined {
  if (!token.startsWith(`${prefix}-`)) return undefined;
  const digits = /^(0|[1-9][0-9]{0,3})-[a-z]{4}$/.exec(token.slice(prefix.length + 1))?.[1];
  if (digits === undefined) return undefined;
  const index = Number(digits);
  return tokenAt(prefix, index) === token ? index : undefined;
}

/**
 * `random.sample`: with so few of so many, CPython remembers which letters it drew, and draws
 * again.
 */
function sampleLetters(random: MersenneTwister): string {
  const drawn = new Set<string>();
  while (drawn.size < SAMPLE_SIZE) {
    // `_randbelow`: a number past the end is drawn again. `charAt` gives '' for it.
    const letter = LETTERS.charAt(random.getRandomBits(LETTER_BITS));
    if (letter !== '') drawn.add(letter);
  }
  return [...drawn].join('');
}

/** `zlib.adler32` (RFC 1950, section 8.2). */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % ADLER_MODULUS;
    b = (b + a) % ADLER_MODULUS;
  }
  return b * 0x10000 + a;
}
