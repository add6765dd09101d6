/** What is fuzzed: a reader of files that anybody may have made. */

/** A kind of file, and what reads it. */
export interface FuzzTarget {
  /** How the file of an input is called. */
  readonly fileName: string;
  /**
   * Makes valid files of every kind that the reader tells apart, to start from; and whatever else
   * `read` needs.
   */
  seeds(directory: string): Promise<readonly Uint8Array[]>;
  /** Words of the format, for texts. */
  readonly words?: readonly string[];
  /** Where numbers lie that decide about much, for binary files. */
  places?(input: Uint8Array): readonly number[];
  /** Makes the checksums right again, so that what was changed is read and not just refused. */
  repair?(input: Uint8Array): Uint8Array;
  /**
   * Reads the file at a path. May throw a HoldfastError; anything else it throws is a fault.
   *
   * @param path - the file, in a directory where more may be made
   */
  read(path: string): Promise<void>;
}
