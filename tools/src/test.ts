/**
 * Runs the compiled tests with node:test, from a list of files of its own: `node --test FOLDER` can
 * run the wrong files, or none, and pass. Fails when a test has no compiled file, and when there is
 * nothing to run.
 *
 *   node tools/dist/test.js [--suite unit|interop|root|nfs] [--except SUBSTRING] [--seed N]
 *   [--limit SECONDS] [SUBSTRING ...]
 *
 * The name of a test file says its suite: `*.test.ts` is `unit` (any machine with Node),
 * `*.interop.ts` needs other programs (GDAL, Python packages), `*.root.ts` needs root (mounts,
 * quotas, namespaces), `*.nfs.ts` two mounts of one NFS server (tools/src/nfs.ts).
 *
 * Tests and what they start get the packages' modules, not the bundles that users get: a test that
 * looks into a package must not have another copy of it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compiledPath, listTestSources, suites, type Suite, withModules } from './test-files.js';

const { values, positionals } = parseArgs({
  options: {
    suite: { type: 'string', default: 'unit' },
    concurrency: { type: 'string', default: '2' },
    // A file that takes minutes, and says nothing more with another Node.
    except: { type: 'string' },
    // Of a file, in seconds.
    limit: { type: 'string', default: '1200' },
    // Where property tests begin; a failure prints its own.
    seed: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const suite = values.suite as Suite;
if (!(suite in suites)) fail(`unknown suite '${suite}': one of ${Object.keys(suites).join(', ')}`);

const repository = fileURLToPath(new URL('../..', import.meta.url));
const sources = listTestSources(repository, suite).filter(
  (source) =>
    (positionals.length === 0 || positionals.some((part) => source.includes(part))) &&
    !(values.except !== undefined && source.includes(values.except)),
);
const compiled = sources.map(compiledPath);
const missing = compiled.filter((file) => !existsSync(`${repository}/${file}`));
if (missing.length > 0) fail(`not compiled (run npm run build): ${missing.join(', ')}`);
if (compiled.length === 0) fail(`no ${suite} test matches`);

// What tests leave there is not for the user who runs them.
const stateHome = mkdtempSync(join(tmpdir(), 'holdfast-state-'));
process.on('exit', () => rmSync(stateHome, { recursive: true, force: true }));

const { status, signal } = spawnSync(
  process.execPath,
  [
    '--import',
    new URL('property-seed.js', import.meta.url).href,
    '--test',
    // A file that hangs is named, and the others run.
    `--test-timeout=${1000 * Number(values.limit)}`,
    `--test-concurrency=${values.concurrency}`,
    ...compiled,
  ],
  {
    cwd: repository,
    stdio: 'inherit',
    env: {
      ...withModules(process.env),
      HOLDFAST_SEED: values.seed,
      XDG_STATE_HOME: stateHome,
    },
  },
);
if (signal) fail(`the test runner was ended by ${signal}`);
process.exitCode = status ?? 1;

function fail(message: string): never {
  console.error(`test: ${message}`);
  process.exit(1);
}
