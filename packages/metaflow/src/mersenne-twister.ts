/**
 * MT19937, as CPython's `random` uses it: Makoto Matsumoto and Takuji Nishimura, "Mersenne
 * Twister", ACM TOMACS 8(1), 1998, and the seeding `init_by_array` of their reference code of 2002
 * (mt19937ar.c). Names follow the paper.
 */

const N = 624;
const M = 397;
const MATRIX_A = 0x9908b0df;
const UPPER_MASK = 0x80000000;
const LOWER_MASK = 0x7fffffff;

/**
 * A generator in the state of `random.seed(seed)`, for a seed below 2^32: the array that seeds it
 * has one word.
 */
export class MersenneTwister {
  readonly #state = new Uint32Array(N);
  #index = N;

  constructor(seed: number) {
    this.#seedByNumber(19650218);
    this.#seedByArray(seed >>> 0);
  }

  /** `random.getrandbits(count)`, for 1 to 32 bits: the upper ones of a word. */
  getRandomBits(count: number): number {
    return this.#nextWord() >>> (32 - count);
  }

  #seedByNumber(seed: number): void {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < N; i += 1) {
      state[i] = Math.imul(1812433253, mixed(state[i - 1])) + i;
    }
  }

  #seedByArray(word: number): void {
    const state = this.#state;
    let i = 1;
    for (let round = 0; round < N; round += 1) {
      state[i] = (at(state, i) ^ Math.imul(mixed(state[i - 1]), 1664525)) + word;
      i = this.#next(i);
    }
    for (let round = 0; round < N - 1; round += 1) {
      state[i] = (at(state, i) ^ Math.imul(mixed(state[i - 1]), 1566083941)) - i;
      i = this.#next(i);
    }
    state[0] = 0x80000000;
  }

  #next(index: number): number {
    if (index + 1 < N) return index + 1;
    this.#state[0] = at(this.#state, N - 1);
    return 1;
  }

  #nextWord(): number {
    if (this.#index >= N) this.#twist();
    let word = at(this.#state, this.#index);
    this.#index += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N; i += 1) {
      const word = (at(state, i) & UPPER_MASK) | (at(state, (i + 1) % N) & LOWER_MASK);
      const matrix = word & 1 ? MATRIX_A : 0;
      state[i] = at(state, (i + M) % N) ^ (word >>> 1) ^ matrix;
    }
    this.#index = 0;
  }
}

function mixed(word = 0): number {
  return word ^ (word >>> 30);
}

function at(state: Uint32Array, index: number): number {
  return state[index] as number;
}
