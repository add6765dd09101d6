import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { ScenarioAt } from '@holdfast/crashkit';
import { readEvidence, type Notice } from '#src/mutants/evidence.js';
import { mutable, mutantsOfPackage, mutantsWithoutEvidence } from '#src/mutants/packages.js';
import { mutantEnginesOf } from '#src/mutants/scenario-run.js';

for (const part of mutable) {
  test(`what is known of the mutants of ${part.package} is of mutants that still are`, () => {
    const names = new Set(mutantsOfPackage(part).map(({ name }) => name));
    const known = Object.keys(readEvidence()[part.package] ?? {});
    assert.deepEqual(
      known.filter((name) => !names.has(name)),
      [],
    );
    assert.ok(known.length > 0);
  });

  test(`of every mutant of ${part.package} it is known what notices it`, () => {
    const hint =
      '`npm run mutants -- --open --write` searches for what notices them, or write the test that does';
    assert.deepEqual(mutantsWithoutEvidence(part), [], hint);
  });

  test(`what notices the mutants of ${part.package} are tests that are there, and scenarios under engines of theirs`, async () => {
    const { scenarios } = (await import(part.scenarios.href)) as {
      readonly scenarios: Readonly<Record<string, ScenarioAt>>;
    };
    const runs = (notice: Notice): boolean => {
      if ('test' in notice)
        return existsSync(new URL(`../../../${part.package}/${notice.test}`, import.meta.url));
      const scenarioAt = scenarios[notice.scenario];
      return scenarioAt !== undefined && mutantEnginesOf(scenarioAt('/d')).includes(notice.engine);
    };
    const wrong = Object.entries(readEvidence()[part.package] ?? {}).filter(
      ([, notice]) => !runs(notice),
    );
    assert.deepEqual(Object.fromEntries(wrong), {});
  });
}
