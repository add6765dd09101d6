/** Puts a mark into the log of a recorded device, and waits until it is there. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

export function markIn(markPath: string, markedPath: string, label: string): void {
  const marked = openSync(markedPath, 'r+');
  const mark = openSync(markPath, 'r+');
  writeSync(mark, `${label.replaceAll('\n', ' ')}\n`);
  readSync(marked, Buffer.alloc(1));
  closeSync(mark);
  closeSync(marked);
}
