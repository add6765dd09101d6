/**
 * Node's own modules that take milliseconds to load and that importing Holdfast does not need:
 * loaded by the first call that uses them, so that a program which only imports Holdfast starts at
 * once.
 */
import * as nodeModule from 'node:module';

export function crypto(): typeof import('node:crypto') {
  return builtin('node:crypto') as typeof import('node:crypto');
}

export function childProcess(): typeof import('node:child_process') {
  return builtin('node:child_process') as typeof import('node:child_process');
}

export function net(): typeof import('node:net') {
  return builtin('node:net') as typeof import('node:net');
}

/** Bun has `getBuiltinModule` from 1.2.1 on. */
function builtin(name: string): unknown {
  const { getBuiltinModule } = process as Partial<typeof process>;
  return (getBuiltinModule ?? nodeModule.createRequire(process.execPath))(name);
}
