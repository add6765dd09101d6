/** round-slots.ts for the synchronous calls, of which one works at a time. */

export async function inSlot<T>(_kind: string, work: () => Promise<T>): Promise<T> {
  return work();
}
