/**
 * Where an encoder thread starts: with all its modules in one file, in half the time that Node takes to load them one by
 * one (docs/decisions/0013-one-file-for-encoder-threads.md). In the repository that file may be missing, or older than
 * what the compiler wrote last: then the modules themselves are loaded.
 */
const { statSync } = process.getBuiltinModule('node:fs');
const bundle = `${__dirname}/worker-bundle.cjs`;
/** What the compiler writes with every change, and packages do not contain. */
const compilerNotes = ['../../tsconfig.tsbuildinfo', '../../../holdfast/tsconfig.tsbuildinfo'];

function changedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const compiledMs = Math.max(...compilerNotes.map((path) => changedMs(`${__dirname}/${path}`)));
if (changedMs(bundle) > compiledMs) require(bundle);
else void import('./worker.js');
