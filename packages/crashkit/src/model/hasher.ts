/**
 * A fast hash of 53 bits for telling states apart. Not for anything that an attacker may choose.
 */

export class Hasher {
  #low = 0xdeadbeef;
  #high = 0x41c6ce57;

  number(value: number): void {
    this.#word(value | 0);
    this.#word((value / 2 ** 32) | 0);
  }

  string(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.#word(text.charCodeAt(index));
    this.#word(text.length);
  }

  /** The hash of all that was given so far; never 0, which callers use for "not yet". */
  digest(): number {
    const low = Math.imul(this.#low ^ (this.#low >>> 16), 2246822507) ^ (this.#high >>> 13);
    const high = Math.imul(this.#high ^ (this.#high >>> 16), 3266489909) ^ (low >>> 16);
    return (high & 0x1fffff) * 2 ** 32 + (low >>> 0) || 1;
  }

  static ofString(text: string): number {
    const hasher = new Hasher();
    hasher.string(text);
    return hasher.digest();
  }

  /** The hash of a page, whose bytes begin at a multiple of 4 and fill whole words. */
  static ofPage(bytes: Uint8Array): number {
    const hasher = new Hasher();
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    for (let index = 0; index < words.length; index += 1) hasher.#word(words[index] as number);
    return hasher.digest();
  }

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 2654435761);
    this.#high = Math.imul(this.#high ^ word, 1597334677);
    this.#low ^= this.#low >>> 15;
    this.#high ^= this.#high >>> 13;
  }
}
