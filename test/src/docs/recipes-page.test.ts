import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { recipesPagePath, renderRecipesPage } from './recipes-page.js';

test('docs/recipes.md shows the recipes that the tests run', async () => {
  assert.equal(readFileSync(recipesPagePath, 'utf8'), await renderRecipesPage());
});
