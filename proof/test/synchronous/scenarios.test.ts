/**
 * The scenarios with synchronous calls, each explored a little; `npm run crash` explores them
 * whole.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  explore,
  exploreErrors,
  exploreRaces,
  printViolation,
  type FaultCase,
  type ScenarioAt,
} from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as holdfast from 'holdfast';
import { scenarios, scenariosOf } from '#src/scenarios/holdfast-sync.js';

const core = fileURLToPath(new URL('../../../packages/holdfast', import.meta.url));
const root = '/root';

function named(name: string, all: Readonly<Record<string, ScenarioAt>> = scenarios): ScenarioAt {
  const at = all[`sync ${name}`];
  assert.ok(at, name);
  return at;
}

const several = [
  'replaceFile: first, then over it',
  'updateJson: alone',
  'updateFile',
  'keepPrevious: replaceFile',
  'inPlace: replaceFile',
  'appendRecords: alone',
];

for (const name of several) {
  test(`no crash of a synchronous call breaks a promise: ${name}`, async () => {
    const { failing, states, violations } = await explore(named(name)(root), { seed: 1 });
    assert.ok(states > 15, `${states} states`);
    assert.equal(failing, 0, violations.map(printViolation).join('\n'));
  });

  test(`no failed call makes a synchronous call lie: ${name}`, async () => {
    const include = ({ fault, lasting }: FaultCase): boolean =>
      !lasting && (fault === 'ENOSPC' || fault === 'short count');
    const { cases, failing, violations } = await exploreErrors(named(name)(root), { include });
    assert.ok(cases > 15, `${cases} cases`);
    assert.equal(failing, 0, violations.map(printViolation).join('\n'));
  });
}

test('processes that make synchronous calls side by side lose nothing', async () => {
  for (const name of ['updateJson: two processes', 'appendRecords: two processes']) {
    const { violations } = await exploreRaces(named(name)(root), { seeds: 3 });
    assert.deepEqual(violations.map(printViolation), []);
  }
});

/** Safeguards whose absence must be noticed, each by its file and its text in the twin. */
const safeguards = [
  ['stage/staged-file.js', 'syncFile(file);'],
  ['stage/directory-sync.js', 'directory.sync();'],
  ['records/append-round.js', 'return file.dataSync();'],
] as const;

for (const [file, text] of safeguards) {
  test(`a synchronous call without its safeguard is found out: ${file}`, async (t) => {
    const broken = scenariosOf(holdfast, withoutText(t, file, text));
    const name = file.startsWith('records') ? 'appendRecords: alone' : 'updateJson: alone';
    const { failing } = await explore(named(name, broken)(root), { seed: 1 });
    assert.ok(failing > 0);
  });
}

/**
 * The address of the synchronous calls in a copy of the core, in one file of which a text is taken
 * out.
 */
function withoutText(t: TestContext, file: string, text: string): string {
  const copy = join(temporaryDirectory(t), 'holdfast');
  const isModule = (path: string): boolean => !/\.(?:map|d\.ts|tsbuildinfo)$/u.test(path);
  cpSync(join(core, 'dist'), join(copy, 'dist'), { recursive: true, filter: isModule });
  cpSync(join(core, 'package.json'), join(copy, 'package.json'));
  const place = join(copy, 'dist/twins', file);
  const before = readFileSync(place, 'utf8');
  assert.ok(before.includes(text), `${file} has no ${text}`);
  writeFileSync(place, before.replace(text, 'undefined'));
  return pathToFileURL(join(copy, 'dist/twins/sync.js')).href;
}
