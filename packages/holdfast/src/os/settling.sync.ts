/** settling.ts for synchronous calls: what has not settled when `begin` returns never will. */
export async function settling<T>(
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  let settled: { readonly value: T } | { readonly error: unknown } | undefined;
  begin(
    (value) => (settled ??= { value }),
    (error) => (settled ??= { error }),
  );
  return valueOf(settled);
}

function valueOf<T>(settled: { readonly value: T } | { readonly error: unknown } | undefined): T {
  if (settled === undefined) throw new Error('a synchronous step did not settle');
  if ('error' in settled) throw settled.error;
  return settled.value;
}
