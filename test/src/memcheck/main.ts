/**
 * Looks for memory that native calls read or write beside their buffers: notes the calls that
 * Holdfast makes on files that lie, and on sizes that do not fit, and makes each again under
 * valgrind.
 *
 *   node main.js [--inputs N] [--seed N]
 *
 * N TIFFs that lie, 2000 by default. Exits with 1 on any fault, and when a call of
 * docs/native-calls.md was never made.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { callsOf, compileReplay, replay } from './calls.js';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '20260101' },
  },
});

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'holdfast-memcheck-'));

const ofTests = (path: string): readonly string[] => ['--conditions=holdfast-modules', at(path)];
const programs: Readonly<Record<string, readonly string[]>> = {
  'files that lie': [
    '--expose-gc',
    at('test/dist/fuzz/child.js'),
    'tiff',
    values.seed,
    'Infinity',
    join(directory, 'tiff'),
    values.inputs,
  ],
  'tests of the codecs': ofTests('packages/raster/dist-test/codec/codecs.test.js'),
  'tests of mismatched sizes': ofTests('packages/raster/dist-test/codec/native-calls.test.js'),
  'tests of system calls': ofTests('packages/holdfast/dist-test/os/native.test.js'),
  'tests of attributes': ofTests('packages/holdfast/dist-test/file/replace-file.interop.js'),
};

const missing = namedInTable();
let faultCount = 0;
try {
  const program = compileReplay(directory);
  for (const [index, [name, args]] of Object.entries(programs).entries()) {
    const begunMs = performance.now();
    const calls = await callsOf(args, join(directory, `${index}.log`));
    const { faults, said } = await replay(program, calls);
    for (const call of calls) missing.delete(call.split(' ', 1)[0] as string);
    for (const fault of faults) console.log(`FAULT ${name}: call ${fault}\n${said}`);
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
    console.log(`${name}: ${calls.length} calls in ${seconds} s, ${faults.length} faults`);
    faultCount += faults.length;
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
for (const name of missing) console.log(`FAULT ${name} was never called`);
const failed = faultCount + missing.size;
console.log(`# pass ${Object.keys(programs).length}\n# fail ${failed}`);
process.exitCode = failed > 0 ? 1 : 0;

/** The functions of the table in docs/native-calls.md. */
function namedInTable(): Set<string> {
  const [page = ''] = readFileSync(at('docs/native-calls.md'), 'utf8').split('\n## ');
  const rows = page.matchAll(/^\| ([^|]*`[^|]*) \|/gm);
  return new Set([...rows].flatMap(([, cell = '']) => cell.match(/(?<=`)\w+(?=`)/g) ?? []));
}
