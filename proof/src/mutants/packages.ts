/**
 * What of this repository is mutated: the core, how a mosaic is written, and how an object is
 * committed.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readEvidence, type Evidence } from './evidence.js';
import { testMutants, type MutantResult } from './mutant-engine.js';
import { TWINS } from '@holdfast/tools/unasync';
import { SYNCHRONOUS } from '../scenarios/api.js';
import { listMutants, type Mutant } from './mutant-list.js';
import type { MutatedForm } from './package-copy.js';

/** A package, what things are taken out of, and the scenarios that must notice. */
export interface Mutable {
  /** Its folder in the repository. */
  readonly package: string;
  /** Which of its sources. */
  readonly files: RegExp;
  readonly scenarios: URL;
}

export const mutable: readonly [Mutable, ...Mutable[]] = [
  {
    package: 'packages/holdfast',
    // What the model does not run: the real system calls, and a diagnosis.
    files: /^(?!os\/(native\/|node-fs|windows-fs)|directory\/probe)/,
    scenarios: new URL('../scenarios/holdfast.js', import.meta.url),
  },
  {
    package: 'packages/raster',
    // Not what is kept for `resume`: it is believed only after it was read again, so nothing of it
    // can be lost.
    files: /^(?:write\/(?:write-mosaic|mosaic-plan|tiles-directory|recover-vrt)|read\/read-index)$/,
    scenarios: new URL('../scenarios/tiled-vrt.js', import.meta.url),
  },
  {
    package: 'packages/objectstore',
    files:
      /^(?:document\/(?:commit-object|history|nonce|object-queue)|directory\/(?:claim|fill-stage|publish-directory|sweep-directory)|probe\/(?:first-use|trial)|parts\/(?:commit-parts|part-record))$/,
    scenarios: new URL('../scenarios/objects.js', import.meta.url),
  },
];

/**
 * The synchronous calls of the core, in which a mutant of the asynchronous source is a mutant too:
 * what a scenario notices in that form the same scenario notices in this one.
 */
const twins: Mutable = {
  ...mutable[0],
  scenarios: new URL('../scenarios/holdfast-sync.js', import.meta.url),
};

const repository = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

const listed = new Map<string, readonly Mutant[]>();

export function mutantsOfPackage({ package: path, files }: Mutable): readonly Mutant[] {
  const mutants = listed.get(path) ?? listMutants(`${repository}/${path}`, files);
  listed.set(path, mutants);
  return mutants;
}

/** The names of those that nothing is known to notice. */
export function mutantsWithoutEvidence(part: Mutable): readonly string[] {
  const known = readEvidence()[part.package] ?? {};
  return mutantsOfPackage(part)
    .map(({ name }) => name)
    .filter((name) => known[name] === undefined);
}

export interface RunOptions {
  /** Only mutants whose name contains this. */
  readonly only: string;
  /** Only mutants of whose name this is true; all by default. */
  readonly isWanted?: (name: string) => boolean;
  readonly search?: 'nothing' | 'near' | 'everything';
  readonly tryFirst?: string | undefined;
  readonly concurrency?: number;
  readonly onResult: (result: MutantResult) => void;
  /** Known evidence; that of the file by default. */
  readonly evidence?: Readonly<Record<string, Evidence>>;
}

/** The key of the evidence for what the same scenario does not notice in that form. */
export const SYNCHRONOUS_FORM = 'packages/holdfast, synchronous';

/**
 * What only calls come to that have no synchronous form (sweepOrphans, recover, compactRecords); and
 * barriers, since what has begun in a synchronous group of tasks has ended.
 */
const ofOneForm =
  /^directory\/orphans: |^journal\/pending: finish: |^records\/rewrite-log: |: settle barrier/;

/**
 * Tries the mutants of the core that scenarios notice in its synchronous form, and in that alone.
 */
export async function runTwins(options: RunOptions): Promise<readonly MutantResult[]> {
  const all = options.evidence ?? readEvidence();
  const derived = Object.fromEntries(
    Object.entries(all[twins.package] ?? {}).flatMap(([name, notice]) =>
      'scenario' in notice && hasTwin(name) && !ofOneForm.test(name)
        ? [[name, { ...notice, scenario: SYNCHRONOUS + notice.scenario }] as const]
        : [],
    ),
  );
  const evidence: Evidence = { ...derived, ...all[SYNCHRONOUS_FORM] };
  return run(twins, {
    ...options,
    evidence: { [twins.package]: evidence },
    isWanted: (name) => name in evidence && (options.isWanted?.(name) ?? true),
    form: 'synchronous',
  });
}

/** Whether the source of a mutant is what its twin is made of too. */
function hasTwin(mutant: string): boolean {
  const dist = `${repository}/${twins.package}/dist`;
  const file = mutant.slice(0, mutant.indexOf(':'));
  return existsSync(`${dist}/${TWINS}/${file}.js`) && !existsSync(`${dist}/${file}.sync.js`);
}

/** Tries the mutants of a package. */
export function runMutants(part: Mutable, options: RunOptions): Promise<readonly MutantResult[]> {
  return run(part, options);
}

async function run(
  part: Mutable,
  {
    only,
    isWanted = () => true,
    evidence = readEvidence(),
    ...options
  }: RunOptions & { readonly form?: MutatedForm },
): Promise<readonly MutantResult[]> {
  const folder = `${repository}/${part.package}`;
  return testMutants(
    mutantsOfPackage(part).filter(({ name }) => name.includes(only) && isWanted(name)),
    {
      package: folder,
      scenarios: part.scenarios.href,
      tests: testsOf(folder),
      nodeModules: `${repository}/node_modules`,
      evidence: evidence[part.package] ?? {},
      ...options,
    },
  );
}

/** Those that run on this machine without other programs. */
function testsOf(folder: string): readonly string[] {
  const endings = process.getuid?.() === 0 ? /\.(test|root)\.ts$/ : /\.test\.ts$/;
  return readdirSync(`${folder}/test`, { recursive: true, encoding: 'utf8' })
    .filter((file) => endings.test(file))
    .map((file) => `test/${file}`)
    .toSorted();
}
