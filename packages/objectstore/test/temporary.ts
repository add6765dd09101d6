/** What is temporary, where a test can look whether all of it went. */
import type { TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';

/** A directory for what is temporary, which the processes of this test have alone. */
export function temporaryOf(t: TestContext): string {
  const { TMPDIR } = process.env;
  const temporary = temporaryDirectory(t);
  process.env['TMPDIR'] = temporary;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  return temporary;
}
