/** The peer and the drop-in, each in all forms of its call. */
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import dropIn, { type WriteFileAtomic } from '@holdfast/write-file-atomic';

export { dropIn };

const require = createRequire(import.meta.url);
export const peer = require('write-file-atomic') as WriteFileAtomic;

/** A call in one of its forms; it rejects with what the form throws or hands to its callback. */
export type Write = (path: string, data: unknown, options?: object | string) => Promise<void>;

function formsOf(write: WriteFileAtomic): Readonly<Record<string, Write>> {
  return {
    promise: (path, data, options) => write(path, data, options as never),
    callback: (path, data, options) =>
      new Promise((resolve, reject) => {
        const called = (error?: Error | null): void => (error ? reject(error) : resolve());
        void (options === undefined
          ? write(path, data, called)
          : write(path, data, options as never, called));
      }),
    sync: async (path, data, options) => write.sync(path, data, options),
  };
}

export function everywhere(
  behaviour: string,
  check: (write: Write, at: string) => Promise<void>,
): void {
  for (const [name, write] of Object.entries({ peer, dropIn }))
    for (const [form, call] of Object.entries(formsOf(write)))
      test(`${name}, ${form}: ${behaviour}`, (t) => check(call, temporaryDirectory(t)));
}

/** As {@link everywhere}, where only the drop-in does so: the peer's own way is said beside it. */
export function onlyDropIn(
  behaviour: string,
  check: (write: Write, at: string) => Promise<void>,
): void {
  for (const [form, call] of Object.entries(formsOf(dropIn)))
    test(`dropIn, ${form}: ${behaviour}`, (t) => check(call, temporaryDirectory(t)));
}
