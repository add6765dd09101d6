/** A processor that does nothing, to see what the queue takes. */
export default async function (): Promise<null> {
  return null;
}
