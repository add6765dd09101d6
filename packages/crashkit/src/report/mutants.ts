/** The mutants of this repository: of the core, and of how a mosaic is written. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { evidence } from '../mutants/evidence.js';
import { testMutants, type MutantResult } from '../mutants/mutant-engine.js';

/** What things are taken out of, and the scenarios that must notice. */
export const mutable: readonly [Mutable, ...Mutable[]] = [
  {
    package: 'packages/holdfast',
    // What the model does not run: the real system calls, a diagnosis, and the overwrite that promises nothing. And what
    // the build puts together again from all of these.
    files: /^(?!os\/|directory\/probe|file\/in-place|bundled\/)/,
    scenarios: 'packages/crashkit/dist/scenarios/holdfast.js',
  },
  {
    package: 'packages/raster',
    // Not what is kept for `resume`: it is believed only after it was read again, so nothing of it can be lost.
    files: /^write\/(?:write-mosaic|tiles-directory|recover-vrt)\./,
    scenarios: 'test/dist/crash/tiled-vrt.js',
  },
];

interface Mutable {
  readonly package: string;
  /** Which of its compiled files. */
  readonly files: RegExp;
  readonly scenarios: string;
}

export async function runMutants(
  repository: string,
  part: string,
  onResult: (result: MutantResult) => void,
): Promise<MutantResult[]> {
  const results: MutantResult[] = [];
  for (const { package: path, files, scenarios } of mutable) {
    const options = {
      package: join(repository, path),
      files,
      scenarios: pathToFileURL(join(repository, scenarios)).href,
      nodeModules: join(repository, 'node_modules'),
      evidence,
      include: part,
      onResult,
    };
    results.push(...(await testMutants(options)));
  }
  return results;
}
