import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

/** When each file of a package was written, in seconds; the modules themselves are always there. */
interface Times {
  readonly bundle?: number;
  readonly raster?: number;
  readonly holdfast?: number;
}

/** What an encoder thread runs in a package with such files: the bundle or the modules. */
function started(t: TestContext, { bundle, raster, holdfast }: Times): string {
  const packages = temporaryDirectory(t);
  const folder = `${packages}/raster/dist/encode`;
  mkdirSync(folder, { recursive: true });
  mkdirSync(`${packages}/holdfast`);
  const write = (path: string, text: string, seconds: number | undefined): void => {
    if (seconds === undefined) return;
    writeFileSync(path, text);
    utimesSync(path, seconds, seconds);
  };
  write(`${folder}/worker.js`, "process.stdout.write('modules');", 0);
  write(`${folder}/worker-bundle.cjs`, "process.stdout.write('bundle');", bundle);
  write(`${packages}/raster/tsconfig.tsbuildinfo`, '', raster);
  write(`${packages}/holdfast/tsconfig.tsbuildinfo`, '', holdfast);
  const start = fileURLToPath(import.meta.resolve('#src/encode/start-worker.cjs'));
  copyFileSync(start, `${folder}/start-worker.cjs`);
  return execFileSync(process.execPath, [`${folder}/start-worker.cjs`], { encoding: 'utf8' });
}

test('an encoder thread starts from the bundle, in an installed package and after a build', (t) => {
  assert.equal(started(t, { bundle: 5 }), 'bundle');
  assert.equal(started(t, { bundle: 5, raster: 4, holdfast: 4 }), 'bundle');
});

test('a bundle older than what was compiled last is never run, nor is one that is missing', (t) => {
  assert.equal(started(t, { bundle: 5, raster: 6, holdfast: 4 }), 'modules');
  assert.equal(started(t, { bundle: 5, raster: 4, holdfast: 6 }), 'modules');
  assert.equal(started(t, { raster: 4, holdfast: 4 }), 'modules');
});
