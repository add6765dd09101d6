/**
 * Puts the modules of a package into a few files, after they are compiled, since Node takes as long to find a file as to run
 * most of them (docs/decisions/0013-bundled-packages.md). `npm run build` runs it.
 *
 *   node tools/dist/bundle.js
 *
 * Into `dist/bundled/` go a file for each name that a package exports, `calls.js` with everything that is imported by a
 * call, what these share, and a file for each kind of worker thread.
 */
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Plugin } from 'esbuild';

interface BundledPackage {
  readonly name: string;
  /** What worker threads start from, and the module that they run. */
  readonly threads: Readonly<Record<string, string>>;
}

const packages: readonly BundledPackage[] = [
  { name: 'holdfast', threads: {} },
  { name: 'raster', threads: { 'start-worker': 'encode/worker' } },
];

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
} as const satisfies BuildOptions;

for (const { name, threads } of packages) {
  const dist = fileURLToPath(new URL(`../../packages/${name}/dist`, import.meta.url));
  rmSync(`${dist}/bundled`, { recursive: true, force: true });
  await bundlePackage(dist);
  for (const [file, module] of Object.entries(threads)) await bundleThread(dist, file, module);
}

async function bundlePackage(dist: string): Promise<void> {
  const entries = entriesOf(dist);
  const options: BuildOptions = {
    ...common,
    absWorkingDir: dist,
    outdir: 'bundled',
    format: 'esm',
    splitting: true,
    chunkNames: 'shared-[hash]',
    packages: 'external',
  };
  const calls = callsOf(dist, await findImportedByCalls({ ...options, entryPoints: entries }));
  const entryPoints = [...entries, { in: 'calls', out: 'calls' }];
  await build({ ...options, entryPoints, plugins: [calls] });
}

/** The modules that the names of a package stand for. */
function entriesOf(dist: string): { in: string; out: string }[] {
  const text = readFileSync(`${dist}/../package.json`, 'utf8');
  const { exports } = JSON.parse(text) as { exports: Record<string, string | { types: string }> };
  return Object.values(exports).flatMap((target) => {
    const [, out] =
      typeof target === 'string' ? [] : (/dist\/(.*)\.d\.ts$/.exec(target.types) ?? []);
    return out === undefined ? [] : [{ in: `./${out}.js`, out }];
  });
}

/** The modules that calls import. In one file, no two of them can have exports of the same name. */
async function findImportedByCalls(options: BuildOptions): Promise<readonly string[]> {
  const { metafile } = await build({ ...options, metafile: true, write: false });
  const modules = new Set<string>();
  for (const { kind, external, path } of Object.values(metafile.inputs).flatMap((i) => i.imports))
    if (kind === 'dynamic-import' && !external) modules.add(path);
  const names = Object.values(metafile.outputs).flatMap(({ entryPoint = '', exports }) =>
    modules.has(entryPoint) ? exports : [],
  );
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length === 0) return [...modules];
  throw new Error(`modules that are imported by calls both export ${twice.join(', ')}`);
}

/** Puts one module in the place of all that calls import. */
function callsOf(dist: string, modules: readonly string[]): Plugin {
  const contents = modules.map((module) => `export * from './${module}';`).join('\n');
  const place = { path: 'calls', namespace: 'calls' };
  return {
    name: 'calls',
    setup(bundler) {
      bundler.onResolve({ filter: /^\./ }, ({ kind }) =>
        kind === 'dynamic-import' ? place : undefined,
      );
      bundler.onResolve({ filter: /^calls$/ }, () => place);
      bundler.onLoad({ filter: /^calls$/, namespace: 'calls' }, () => ({
        contents,
        resolveDir: dist,
      }));
    },
  };
}

/** A thread shares no objects with others, and so brings its own modules of other packages too. */
async function bundleThread(dist: string, file: string, module: string): Promise<void> {
  await build({
    ...common,
    entryPoints: [`${dist}/${module}.js`],
    outfile: `${dist}/bundled/${file}.cjs`,
    format: 'cjs',
    conditions: ['holdfast-modules'],
    // It brings binaries of its own.
    external: ['koffi'],
    // What is required relative to a module is required relative to the bundle.
    define: { 'import.meta.url': '__filename' },
  });
}
