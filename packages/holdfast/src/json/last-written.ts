/**
 * The document that this process wrote last. When it is found unchanged, it need not be searched for losses again, and
 * any difference to it is a change, not another layout: both cost as much as reading a large document twice.
 */
import type { Fs } from '../os/fs.js';
import type { JsonFormat } from './format.js';

/** Texts that are longer (in characters) are not kept: they would hold the memory for a gain that is spent rarely. */
const LONGEST = 16 * 1024 * 1024;

interface Written {
  readonly path: string;
  readonly text: string;
  readonly format: JsonFormat;
}

const lastWritten = new WeakMap<Fs, Written>();

export function rememberWritten(fs: Fs, written: Written): void {
  if (written.text.length <= LONGEST) lastWritten.set(fs, written);
  else lastWritten.delete(fs);
}

/** The layout in which this process has written this very text, if it has. */
export function layoutOfOwn(fs: Fs, path: string, text: string): JsonFormat | undefined {
  const written = lastWritten.get(fs);
  return written?.path === path && written.text === text ? written.format : undefined;
}
