/** The peer and the drop-in, each in all forms of its calls. */
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as dropIn from '@holdfast/atomically';
import * as peerModule from 'atomically';

export { dropIn };

type Calls = typeof dropIn;
export const peer = peerModule as unknown as Calls;

/** A write in one of its forms; it rejects with what the form throws or hands to its callback. */
export type Write = (path: string, data: unknown, options?: object | string) => Promise<void>;

function formsOf({ writeFile, writeFileSync }: Calls): Readonly<Record<string, Write>> {
  return {
    promise: (path, data, options) => writeFile(path, data as string, options as object),
    callback: (path, data, options) =>
      new Promise((resolve, reject) => {
        const called = (error?: unknown): void => (error ? reject(error) : resolve());
        const made =
          options === undefined
            ? writeFile(path, data as string, called)
            : writeFile(path, data as string, options as object, called);
        // It rejects as well.
        made.catch(() => undefined);
      }),
    sync: async (path, data, options) => writeFileSync(path, data as string, options),
  };
}

export function everywhere(
  behaviour: string,
  check: (write: Write, at: string) => Promise<void>,
): void {
  for (const [name, calls] of Object.entries({ peer, dropIn }))
    for (const [form, call] of Object.entries(formsOf(calls)))
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
