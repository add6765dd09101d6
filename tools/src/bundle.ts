/**
 * Makes the synchronous calls (unasync.ts), and puts the modules of a package into a few files,
 * after they are compiled, since Node takes as long to find a file as to run most of them
 * (docs/decisions/0013-bundled-packages.md). `npm run build` runs it.
 *
 *   node tools/dist/bundle.js
 *
 * Into `dist/page/` goes what a browser is given, with the notices of the libraries in it. Into
 * `dist/bundled/` go a file for each name that a package exports, `calls.js` with everything
 * that is imported by a call, what these share, and a file for each kind of worker thread. They are
 * published as one directory, by Holdfast itself (its modules, which are compiled by then): a
 * program that uses the checkout meanwhile finds the old build or the new one. One that has read
 * the old entry a moment ago still finds what that shares with others, which stays for one build.
 * Where nothing has changed nothing is published.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type BuildResult, type Metafile, type Plugin } from 'esbuild';
import { TWINS, twinsOf } from './unasync.js';

const coreModules = new URL('../../packages/holdfast/dist/index.js', import.meta.url).href;
const { publishDirectory } = (await import(coreModules)) as typeof import('holdfast');

/** Those whose types a program in CommonJS finds too. */
const typed = ['holdfast', 'raster', 'metaflow', 'objectstore', 'bullmq', 'crashkit'];

/** The files of one directory, by their paths in it. */
type Files = ReadonlyMap<string, Uint8Array>;

interface BundledPackage {
  readonly name: string;
  /** The module whose synchronous twin is an export too. */
  readonly synchronous?: string;
  /** Entries whose files are few: see {@link layersOf}. */
  readonly layers?: readonly string[];
  /** What worker threads start from, and the module that they run. */
  readonly threads: Readonly<Record<string, string>>;
}

const packages: readonly BundledPackage[] = [
  {
    name: 'holdfast',
    synchronous: 'sync.js',
    layers: ['index', 'json/index', 'sync'],
    threads: {},
  },
  {
    name: 'raster',
    threads: {
      'start-worker': 'encode/worker',
      'start-decoder': 'source/geotiff/decoder-thread',
    },
  },
];

/** The file with what calls import. */
const CALLS = 'calls';
const LAYER = 'layer:';
const CHUNK = /shared-[A-Z0-9]+\.js/g;
const CHUNK_NAME = /shared-[A-Z0-9]+\.js$/;

const common = {
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
  // A layer imports modules for the place that they get by it.
  logOverride: { 'ignored-bare-import': 'silent' },
} as const satisfies BuildOptions;

for (const { name, synchronous, layers, threads } of packages) {
  const dist = fileURLToPath(new URL(`../../packages/${name}/dist`, import.meta.url));
  if (synchronous !== undefined) await publish(`${dist}/${TWINS}`, twins(dist, synchronous));
  const made = [await bundlePackage(dist, layers)];
  for (const [file, module] of Object.entries(threads))
    made.push(await bundleThread(dist, file, module));
  await publish(`${dist}/bundled`, new Map(made.flatMap((files) => [...files])));
}

const raster = fileURLToPath(new URL('../../packages/raster', import.meta.url));
await publish(`${raster}/dist/page`, await bundlePage(`${raster}/page`));

for (const name of typed) {
  const dist = fileURLToPath(new URL(`../../packages/${name}/dist`, import.meta.url));
  await publish(`${dist}/commonjs`, typesForCommonJs(dist));
}

/**
 * The declarations once more, as those of a CommonJS module: with `module: node16` the compiler
 * refuses an ES module to a program in CommonJS, which Node has loaded since 20.19.
 */
function typesForCommonJs(dist: string): Files {
  const own = /^(?!commonjs\/).*\.d\.ts$/;
  const types = [...filesIn(dist)].filter(([path]) => own.test(path));
  const manifest = Buffer.from('{ "type": "commonjs" }\n');
  return new Map<string, Uint8Array>([...types, ['package.json', manifest]]);
}

function twins(dist: string, entry: string): Files {
  const texts = [...twinsOf(dist, entry)];
  return new Map(texts.map(([path, text]) => [path, Buffer.from(text)]));
}

async function publish(directory: string, made: Files): Promise<void> {
  const old = filesIn(directory);
  const isSame = ([path, bytes]: [string, Uint8Array]): boolean => {
    const there = old.get(path);
    return there !== undefined && Buffer.compare(there, bytes) === 0;
  };
  if (old.size > 0 && [...made].every(isSame)) return;
  const files = new Map([...chunksInUse(old), ...made]);
  await publishDirectory(
    directory,
    async (stage) => {
      for (const [path, bytes] of files) await stage.write(path, bytes);
    },
    { ifExists: 'replace', durability: 'atomic' },
  );
}

function filesIn(directory: string): Files {
  if (!existsSync(directory)) return new Map();
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [relative(directory, path), readFileSync(path)]));
}

/** What the entries share, of a build; not what that has kept of the build before it. */
function chunksInUse(files: Files): Files {
  const found = new Map<string, Uint8Array>();
  const look = (bytes: Uint8Array): void => {
    for (const [name] of Buffer.from(bytes).toString().matchAll(CHUNK)) {
      const chunk = files.get(name);
      if (chunk === undefined || found.has(name)) continue;
      found.set(name, chunk);
      look(chunk);
    }
  };
  for (const [path, bytes] of files) if (!path.startsWith('shared-')) look(bytes);
  return found;
}

async function bundlePackage(dist: string, layered: readonly string[] = []): Promise<Files> {
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
  const imported = await findImportedByCalls({ ...options, entryPoints: entries });
  const entryPoints = [...entries, { in: CALLS, out: CALLS }];
  const whole = { ...options, entryPoints, plugins: [callsOf(dist, imported)] };
  if (layered.length === 0) return filesOf(dist, await build(whole));
  const { metafile } = await build({ ...whole, metafile: true });
  const layers = layered.map((layer) => LAYER + layer);
  const plugins = [callsOf(dist, imported, layers), inLayers(dist, metafile, layered)];
  return filesOf(dist, await build({ ...whole, plugins }));
}

/**
 * Puts what entries share into few files. By itself esbuild makes a file for each set of entries
 * that have something in common, and Node takes a millisecond or two for each. A layer is what one
 * entry shares with others, less the layers before it; an entry that needs a part of a layer gets
 * all of it.
 *
 * @param metafile - of what esbuild makes by itself
 * @param names - the entries that have a layer
 */
function inLayers(dist: string, { outputs }: Metafile, names: readonly string[]): Plugin {
  const below = (name: string): ReadonlySet<string> => sharedBelow(outputs, `bundled/${name}.js`);
  const layerOf = new Map<string, string>();
  for (const name of names)
    for (const file of below(name)) if (!layerOf.has(file)) layerOf.set(file, name);
  const modulesOf = (layer: string): readonly string[] =>
    [...layerOf].flatMap(([file, of]) =>
      of === layer ? Object.keys(outputs[file]?.inputs ?? {}) : [],
    );
  const entries = new Map(
    Object.entries(outputs).map(([file, { entryPoint = '' }]) => {
      const name = file.replace(/^bundled\/|\.js$/g, '');
      const layers = new Set([...below(name)].map((shared) => layerOf.get(shared)));
      return [entryPoint, names.filter((layer) => layers.has(layer))] as const;
    }),
  );
  return {
    name: 'layers',
    setup(bundler) {
      bundler.onResolve({ filter: /^\.\// }, ({ kind, path }) =>
        kind === 'entry-point' ? { path: posix.normalize(path), namespace: 'entry' } : undefined,
      );
      bundler.onLoad({ filter: /./, namespace: 'entry' }, ({ path }) => ({
        contents: `${importing((entries.get(path) ?? []).map((layer) => LAYER + layer))}export * from './${path}';`,
        resolveDir: dist,
      }));
      bundler.onResolve({ filter: new RegExp(`^${LAYER}`) }, ({ path }) => ({
        path: path.slice(LAYER.length),
        namespace: 'layer',
        sideEffects: true,
      }));
      bundler.onLoad({ filter: /./, namespace: 'layer' }, ({ path }) => ({
        contents: importing(modulesOf(path).map((module) => `./${module}`)),
        resolveDir: dist,
      }));
    },
  };
}

function importing(modules: readonly string[]): string {
  return modules.map((module) => `import '${module}';\n`).join('');
}

/** The files that one shares with others: what it imports, and what these import. */
function sharedBelow(outputs: Metafile['outputs'], file: string): ReadonlySet<string> {
  const found = new Set<string>();
  const look = (at: string): void => {
    for (const { path, kind } of outputs[at]?.imports ?? []) {
      if (kind !== 'import-statement' || found.has(path) || !CHUNK_NAME.test(path)) continue;
      found.add(path);
      look(path);
    }
  };
  look(file);
  return found;
}

/** Where the modules of one name of a package lie. */
interface Modules {
  readonly 'holdfast-modules': string;
  readonly default: string;
}

/** The modules that the names of a package stand for. */
function entriesOf(dist: string): { in: string; out: string }[] {
  const text = readFileSync(`${dist}/../package.json`, 'utf8');
  const { exports } = JSON.parse(text) as { exports: Record<string, string | Modules> };
  return Object.values(exports).flatMap((target) => {
    if (typeof target === 'string') return [];
    const [, modules] = /dist\/(.*\.js)$/.exec(target['holdfast-modules']) ?? [];
    const [, out] = /dist\/bundled\/(.*)\.js$/.exec(target.default) ?? [];
    return modules === undefined || out === undefined ? [] : [{ in: `./${modules}`, out }];
  });
}

/** The modules that calls import. In one file, no two of them can have exports of the same name. */
async function findImportedByCalls(options: BuildOptions): Promise<readonly string[]> {
  const { metafile } = await build({ ...options, metafile: true });
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
function callsOf(dist: string, modules: readonly string[], layers: readonly string[] = []): Plugin {
  const exporting = modules.map((module) => `export * from './${module}';`).join('\n');
  const contents = importing(layers) + exporting;
  const place = { path: CALLS, namespace: CALLS };
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
async function bundleThread(dist: string, file: string, module: string): Promise<Files> {
  const made = await build({
    ...common,
    entryPoints: [`${dist}/${module}.js`],
    outfile: `${dist}/bundled/${file}.cjs`,
    format: 'cjs',
    conditions: ['holdfast-modules'],
    // They bring binaries of their own, one of them WebAssembly.
    external: ['koffi', 'geotiff'],
    // What is required relative to a module is required relative to the bundle.
    define: { 'import.meta.url': '__filename' },
  });
  return filesOf(dist, made);
}

/** The page that `serveRaster` serves: its text, one script, one sheet of styles. */
async function bundlePage(page: string): Promise<Files> {
  const { outputFiles, metafile } = await build({
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    logLevel: 'warning',
    metafile: true,
    absWorkingDir: page,
    outdir: 'out',
    entryPoints: ['page.ts', 'page.css'],
  });
  const made = outputFiles.map(({ path, contents }): [string, Uint8Array] => [
    basename(path),
    contents,
  ]);
  const text = readFileSync(`${page}/index.html`);
  const notices = Buffer.from(noticesOf(page, Object.keys(metafile.inputs)));
  return new Map([...made, ['index.html', text], ['notices.txt', notices]]);
}

/** The licences of the libraries that the page is made of, as these want it. */
function noticesOf(page: string, inputs: readonly string[]): string {
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  const notices = [...new Set(folders)].toSorted().map((folder) => {
    const at = join(page, folder);
    const { name, version } = JSON.parse(readFileSync(`${at}/package.json`, 'utf8')) as {
      name: string;
      version: string;
    };
    const file = readdirSync(at).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${name} has no licence to show`);
    return `${name} ${version}\n\n${readFileSync(`${at}/${file}`, 'utf8').trim()}\n`;
  });
  return `The page holds parts of these libraries.\n\n${notices.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

function filesOf(dist: string, { outputFiles = [] }: BuildResult): Files {
  return new Map(
    outputFiles.map(({ path, contents }) => [relative(`${dist}/bundled`, path), contents]),
  );
}
