/** reading-from.ts for synchronous calls, which take no streams. */
export async function readingFrom<T>(_data: unknown, call: () => Promise<T>): Promise<T> {
  return call();
}
