import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError, help, parseArguments } from '#src/report/arguments.js';
import { budgets } from '#src/report/budget.js';

test('without arguments everything of the quick budget is explored', () => {
  const { budget, engines } = parseArguments([]);
  assert.deepEqual([budget, engines.includes('mutants')], ['quick', true]);
});

test('a report is kept only on request, and only a whole one', () => {
  assert.equal(parseArguments([]).writes, false);
  assert.equal(parseArguments(['--write']).writes, true);
  for (const part of [
    ['--engine', 'model'],
    ['--scenario', 'updateJson'],
  ])
    assert.throws(() => parseArguments(['--write', ...part]), /leaves nothing out/);
});

test('an argument that means nothing is refused with what would mean something', () => {
  const refusals: readonly (readonly [string[], RegExp])[] = [
    [['--nope'], /--nope/],
    [['--budget', 'x'], /one of quick, nightly, ci, release, not 'x'/],
    [['--engine', 'x'], /one of model, .*, not 'x'/],
    [['--show', 'x'], /a whole number, not 'x'/],
    [['quick'], /quick/],
  ];
  for (const [args, message] of refusals) {
    assert.throws(
      () => parseArguments(args),
      (error) => error instanceof ArgumentError && message.test(error.message),
    );
  }
});

test('the help names every budget and engine', () => {
  for (const name of [...Object.keys(budgets), ...parseArguments([]).engines]) {
    assert.match(help, new RegExp(`\\b${name}\\b`));
  }
});
