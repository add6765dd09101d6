import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { evidence } from '#src/mutants/evidence.js';
import { listMutants } from '#src/mutants/mutant-engine.js';
import { mutable } from '#src/report/mutants.js';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

test('of each mutant it is known what notices it, and of nothing that is no mutant any more', () => {
  const names = mutable.flatMap(({ package: path, files }) =>
    listMutants({ package: join(repository, path), files }).map(({ name }) => name),
  );
  assert.deepEqual(names.toSorted(), Object.keys(evidence).toSorted());
});
