/**
 * The layers of the house, checked: a folder of the core uses only folders below it, a package only
 * packages below it, and only the doors named here touch the disk or native code. ARCHITECTURE.md
 * draws the same picture.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** The core's folders and files, lowest first. Those on one row do not know each other. */
const coreRows: readonly (readonly string[])[] = [
  ['call-name', 'errors'],
  ['abort', 'failure', 'options', 'text'],
  ['not-async'],
  ['os'],
  ['lock'],
  ['journal'],
  ['stage'],
  ['file'],
  ['document'],
  ['env', 'json', 'directory'],
  ['parts', 'watch'],
  ['records', 'toml', 'yaml'],
  ['syntaxes'],
  ['transaction'],
  ['at-first-call', 'sync'],
  ['index'],
  ['api'],
];

/** The packages and what each may use of the others. */
const packageFloors: Readonly<Record<string, readonly string[]>> = {
  holdfast: [],
  raster: ['holdfast'],
  metaflow: ['holdfast'],
  objectstore: ['holdfast'],
  bullmq: ['holdfast', '@holdfast/raster'],
  crashkit: ['holdfast'],
  'write-file-atomic': ['holdfast'],
  atomically: ['holdfast', '@holdfast/write-file-atomic'],
  lowdb: ['holdfast', '@holdfast/write-file-atomic'],
  'proper-lockfile': ['holdfast'],
  cli: [
    'holdfast',
    '@holdfast/raster',
    '@holdfast/metaflow',
    '@holdfast/objectstore',
    '@holdfast/crashkit',
  ],
};

/** Modules that only some places may import, each place with its reason. */
const doors: readonly { module: RegExp; may: Readonly<Record<string, string>> }[] = [
  {
    module: /^(node:)?fs(\/promises)?$/,
    may: {
      'packages/holdfast/src/os/': 'the one door to the disk',
      'packages/crashkit/src/': 'a test tool that drives real directories and devices',
      'packages/cli/src/': 'reads what the user names, and writes through the packages below',
      'packages/atomically/src/': 'its original reads files and makes folders too',
      'packages/lowdb/src/': 'its original reads files too',
    },
  },
  {
    module: /^(node:)?path$/,
    may: {
      'packages/holdfast/src/os/': 'paths have slashes above it (os/paths.ts)',
      'packages/raster/': 'no part of the core',
      'packages/metaflow/': 'no part of the core',
      'packages/objectstore/': 'no part of the core',
      'packages/bullmq/': 'no part of the core',
      'packages/crashkit/': 'no part of the core',
      'packages/write-file-atomic/': 'no part of the core',
      'packages/atomically/': 'no part of the core',
      'packages/lowdb/': 'no part of the core',
      'packages/proper-lockfile/': 'no part of the core',
      'packages/cli/': 'no part of the core',
    },
  },
  {
    module: /^koffi$/,
    may: {
      'packages/holdfast/src/os/native/': 'system calls that Node lacks',
      'packages/raster/src/codec/': 'compression libraries of the system',
    },
  },
];

/** One import that breaks a layer rule. */
export interface LayerViolation {
  readonly file: string;
  readonly imported: string;
  readonly rule: string;
}

/** Checks every source file of every package; paths are relative to the repository. */
export function checkLayers(repository: string): { files: number; violations: LayerViolation[] } {
  const files = Object.keys(packageFloors).flatMap((name) =>
    sourcesBelow(join(repository, 'packages', name, 'src')),
  );
  const violations = files.flatMap((file) =>
    checkFile(relative(repository, file), readFileSync(file, 'utf8')),
  );
  return { files: files.length, violations };
}

/** Checks the imports of one source text at a path relative to the repository. */
export function checkFile(file: string, text: string): LayerViolation[] {
  return importsOf(text).flatMap((imported) => {
    const rule =
      brokenDoor(file, imported) ?? brokenFloor(file, imported) ?? brokenRow(file, imported);
    return rule === undefined ? [] : [{ file, imported, rule }];
  });
}

function importsOf(text: string): string[] {
  const specifier = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\)?\(\s*)['"]([^'"]+)['"]/g;
  return [...text.matchAll(specifier)].map((match) => match[1] as string);
}

function brokenDoor(file: string, imported: string): string | undefined {
  const door = doors.find(({ module }) => module.test(imported));
  if (!door || Object.keys(door.may).some((place) => file.startsWith(place))) return undefined;
  return `only ${Object.keys(door.may).join(', ')} may import it`;
}

function brokenFloor(file: string, imported: string): string | undefined {
  const own = file.split('/')[1] as string;
  const target = /^(holdfast|@holdfast\/[^/]+)(\/|$)/.exec(imported)?.[1];
  if (!target || packageFloors[own]?.includes(target)) return undefined;
  return `packages/${own} may use ${packageFloors[own]?.join(', ') || 'no other package'}`;
}

function brokenRow(file: string, imported: string): string | undefined {
  if (!file.startsWith('packages/holdfast/src/') || !imported.startsWith('.')) return undefined;
  const from = roomOf(file);
  const to = roomOf(normalize(join(dirname(file), imported)));
  const fromRow = coreRows.findIndex((row) => row.includes(from));
  const toRow = coreRows.findIndex((row) => row.includes(to));
  if (fromRow < 0 || toRow < 0) return `${fromRow < 0 ? from : to} has no place in the layers`;
  return from === to || toRow < fromRow ? undefined : `${from} lies below or beside ${to}`;
}

/** The folder, or the file at the top, of the core that a path belongs to. */
function roomOf(path: string): string {
  return (path.split('/')[3] as string).replace(/\.[jt]s$/, '');
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}
