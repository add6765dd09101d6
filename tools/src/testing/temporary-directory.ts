import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/**
 * Makes an empty directory of its own for a test (its path has slashes, on Windows too), removed
 * when the test ends, also when it fails; so is its lock file, which a test that locks the
 * directory itself leaves beside it.
 *
 * @param inside - where to make it
 */
export function temporaryDirectory(t: TestContext, inside: string = tmpdir()): string {
  const made = mkdtempSync(join(realpathSync(inside), 'holdfast-test-'));
  const directory = process.platform === 'win32' ? made.replaceAll('\\', '/') : made;
  // A process that was just killed may still hold what is in it, on Windows. The pauses grow: 1.8
  // seconds in all.
  const patience = { maxRetries: 8, retryDelay: 50 };
  t.after(() => {
    for (const path of [directory, `${directory}.lock`]) {
      rmSync(path, { recursive: true, force: true, ...patience });
    }
  });
  return directory;
}
