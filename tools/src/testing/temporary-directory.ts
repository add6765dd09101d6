import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Makes an empty directory of its own for a test (its path has slashes, on Windows too), removed when the test ends, also when it fails. */
export function temporaryDirectory(t: TestContext): string {
  const made = mkdtempSync(join(realpathSync(tmpdir()), 'holdfast-test-'));
  const directory = process.platform === 'win32' ? made.replaceAll('\\', '/') : made;
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
