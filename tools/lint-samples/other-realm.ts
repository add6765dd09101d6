/** Must fail: an error of Node's own modules is no `instanceof Error` in a vm context. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

export function isBytes(value: unknown): boolean {
  return value instanceof Uint8Array;
}
