/** Where the tests are, and where the compiler puts them. */
import { readdirSync } from 'node:fs';

/** The suites, each with the ending of its files. */
export const suites = {
  unit: '.test.ts',
  interop: '.interop.ts',
  root: '.root.ts',
  wine: '.wine.ts',
  nfs: '.nfs.ts',
  filesystems: '.fs.ts',
} as const;
export type Suite = keyof typeof suites;

const packageTests = /^((?:packages\/[^/]+|proof|tools)\/)test\//;
const crossPackageTests = /^test\/src\//;

/** The test sources of a suite, as paths relative to the repository, sorted. */
export function listTestSources(repository: string, suite: Suite): string[] {
  return ['packages', 'proof', 'test', 'tools']
    .flatMap((folder) => filesBelow(repository, folder))
    .filter((file) => packageTests.test(file) || crossPackageTests.test(file))
    .filter((file) => file.endsWith(suites[suite]))
    .toSorted();
}

/** The compiled file of a test source. */
export function compiledPath(source: string): string {
  return source
    .replace(packageTests, '$1dist-test/')
    .replace(crossPackageTests, 'test/dist/')
    .replace(/\.ts$/, '.js');
}

function filesBelow(repository: string, folder: string): string[] {
  return readdirSync(`${repository}/${folder}`, { withFileTypes: true })
    .filter((entry) => !['node_modules', 'dist', 'dist-test'].includes(entry.name))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(repository, path) : [path];
    });
}

/**
 * An environment in which Node loads the packages' modules, and not their bundles
 * (docs/decisions/0013-bundled-packages.md).
 */
export function withModules(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: options = '' } = environment;
  return { ...environment, NODE_OPTIONS: `${options} --conditions=holdfast-modules`.trimStart() };
}
