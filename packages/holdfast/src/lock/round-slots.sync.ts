/** round-slots.ts for the synchronous calls, of which one works at a time. */

export async function inReadSlot<T>(read: () => Promise<T>): Promise<T> {
  return read();
}
