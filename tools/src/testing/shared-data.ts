import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The path of a data file that the tests use and that is not part of the repository: it lies in
 * `shared/data/` beside the checkout, or in the folder that HOLDFAST_TEST_DATA names. `undefined`
 * when it is missing: a test then skips, and says loudly which file it lacks.
 */
export function sharedData(name: string): string | undefined {
  const folder =
    process.env['HOLDFAST_TEST_DATA'] ??
    fileURLToPath(new URL('../../../../shared/data', import.meta.url));
  const path = `${folder}/${name}`;
  if (existsSync(path)) return path;
  process.stderr.write(`MISSING TEST DATA: ${path}; the tests that need it are skipped\n`);
  return undefined;
}
