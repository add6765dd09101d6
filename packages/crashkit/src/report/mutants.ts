/** The mutants of the core of this repository. */
import { join } from 'node:path';
import { evidence } from '../mutants/evidence.js';
import { testMutants, type MutantResult } from '../mutants/mutant-engine.js';

export function runMutants(
  repository: string,
  part: string,
  onResult: (result: MutantResult) => void,
): Promise<MutantResult[]> {
  return testMutants({
    package: join(repository, 'packages/holdfast'),
    nodeModules: join(repository, 'node_modules'),
    evidence,
    include: part,
    onResult,
  });
}
