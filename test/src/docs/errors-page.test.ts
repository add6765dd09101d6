import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorsPagePath, renderErrorsPage } from './errors-page.js';

test('docs/errors.md says what the table of codes says', async () => {
  assert.equal(readFileSync(errorsPagePath, 'utf8'), await renderErrorsPage());
});
