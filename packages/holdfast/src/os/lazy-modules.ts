/**
 * Node's own modules that take milliseconds to load and that importing Holdfast does not need: loaded by the first call
 * that uses them, so that a program which only imports Holdfast starts at once.
 */

export function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto');
}

export function childProcess(): typeof import('node:child_process') {
  return process.getBuiltinModule('node:child_process');
}
