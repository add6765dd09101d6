import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Makes an empty directory of its own for a test, removed when the test ends, also when it fails. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'holdfast-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
