/**
 * A result that comes later, by one of two functions; settling.sync.ts has that of the synchronous
 * calls, where it has come when `begin` returns.
 */
export function settling<T>(
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  return new Promise(begin);
}
