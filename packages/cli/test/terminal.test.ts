/**
 * Control characters of names and documents never reach a terminal, in no output of any command.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandsFor } from '#src/commands/index.js';
import { commandOutput, jsonOf, resultOf, shown, textOf } from '#src/outputs.js';
import { reportError } from '#src/report-error.js';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { Command } from 'commander';
import * as fc from 'fast-check';

const bin = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url));
/** Sets a title, begins a line of its own, turns the text around, and moves the cursor by C1. */
const NAME = 'n\x1b]0;owned\x07\nremoved\t\u202egnp\x9b2J\x7f';
const ESCAPED = String.raw`n\x1b]0;owned\x07\nremoved\t\u202egnp\x9b2J\x7f`;
const FORBIDDEN = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** Arguments by which each command has to say the name, and what it reads from standard input. */
const commands: Readonly<Record<string, { readonly args: string[]; readonly input?: string }>> = {
  put: { args: [`${NAME}/a`] },
  lock: { args: [`${NAME}/a`, '--', 'true'] },
  crashtest: { args: ['--seed', NAME, '--check', 'true', '--', 'true'] },
  publish: { args: [NAME, '--', 'false'] },
  orphans: { args: ['left'] },
  'parts begin': { args: [`${NAME}/a`, '1'] },
  'parts write': { args: [`${NAME}/a`, 'f'.repeat(20), '0', '--', 'true'] },
  'parts commit': { args: [`${NAME}/a`, 'f'.repeat(20)] },
  'parts progress': { args: [`${NAME}/a`, 'f'.repeat(20)] },
  'parts abandon': { args: [`${NAME}/a`, 'f'.repeat(20)] },
  doctor: { args: [`${NAME}dir`] },
  'json get': { args: [`${NAME}/a`] },
  'json set': { args: ['a.json', NAME, '1'] },
  'json merge': { args: [`${NAME}dir`, '{}'] },
  'json patch': { args: [`${NAME}dir`, '[]'] },
  'json delete': { args: ['a.json', `/${NAME}`] },
  'env get': { args: [`${NAME}/.env`] },
  'env set': { args: ['.env', NAME, '1'] },
  'env delete': { args: ['.env', NAME] },
  'toml get': { args: [`${NAME}/a.toml`] },
  'toml set': { args: ['a.toml', NAME, '1'] },
  'toml delete': { args: ['a.toml', `/${NAME}`] },
  'yaml get': { args: [`${NAME}/a.yaml`] },
  'yaml set': { args: ['a.yaml', NAME, '1'] },
  'yaml delete': { args: ['a.yaml', `/${NAME}`] },
  watch: { args: ['a.json', '--poll', NAME, '--', 'true'] },
  'records append': { args: [`${NAME}/a.jsonl`], input: '{"a":1}' },
  'records read': { args: [`${NAME}.jsonl`] },
  'records compact': { args: [`${NAME}.jsonl`, '--key', 'a'] },
  'records repair': { args: [`${NAME}.jsonl`] },
  history: { args: [`${NAME}/a`] },
  restore: { args: [`${NAME}/a`] },
  transaction: { args: [`${NAME}/a`], input: '[]' },
  recover: { args: [`${NAME}dir`] },
  'raster tile': { args: [NAME, `${NAME}.vrt`] },
  'raster cog': { args: [NAME, `${NAME}.tif`] },
  'raster index': { args: [`${NAME}.vrt`, NAME] },
  'raster overviews': { args: [`${NAME}.vrt`] },
  'raster info': { args: [`${NAME}.vrt`] },
  'raster verify': { args: [`${NAME}.vrt`] },
  'raster serve': { args: [`${NAME}.vrt`] },
  'raster preview': { args: [`${NAME}.vrt`, `${NAME}.png`] },
  'raster begin': { args: [NAME, `${NAME}.vrt`, '--parts', '1'] },
  'raster part': { args: [`${NAME}.vrt`, 'f'.repeat(20), '0'] },
  'raster commit': { args: [`${NAME}.vrt`, 'f'.repeat(20)] },
  'raster progress': { args: [`${NAME}.vrt`, 'f'.repeat(20)] },
  'raster abandon': { args: [`${NAME}/a.vrt`, 'f'.repeat(20)] },
  'raster recover': { args: [`${NAME}dir`] },
  'metaflow token show': { args: [NAME, '--home', '.'] },
  'metaflow token new': { args: ['a', '--previous', NAME, '--home', '.'] },
  'metaflow token store': { args: ['a', NAME, '--home', `${NAME}.jsonl`] },
  'metaflow manifest get': { args: [NAME, 'a'] },
  'metaflow manifest set': { args: ['a', NAME, '--root', `${NAME}.jsonl`], input: '{}' },
};

function run(
  cwd: string,
  args: readonly string[],
  input = '',
): { readonly out: string; readonly err: string; readonly all: string } {
  const { stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd,
    input,
    encoding: 'utf8',
  });
  return { out: stdout, err: stderr, all: stdout + stderr };
}

function hostileDirectory(t: TestContext): string {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/left`);
  mkdirSync(`${root}/left/.${NAME}.staging-${'a'.repeat(20)}`);
  mkdirSync(`${root}/${NAME}dir`);
  writeFileSync(`${root}/${NAME}.jsonl`, 'no record\n{"a":1}\n');
  writeFileSync(`${root}/a.json`, '{}');
  return root;
}

test('no command lets a control character of a name or an argument through', (t) => {
  const root = hostileDirectory(t);
  const broken = Object.entries(commands).flatMap(([command, { args, input }]) => {
    const { all } = run(root, [...command.split(' '), ...args], input);
    const isFit = !FORBIDDEN.test(all) && !/^removed/m.test(all) && all.includes(ESCAPED);
    return isFit ? [] : [[command, all]];
  });
  assert.deepEqual(broken, []);
});

test('every command is among those tried', async () => {
  const program = new Command('holdfast');
  for (const addTo of await commandsFor(undefined)) addTo(program);
  const leaves = (command: Command): string[] =>
    command.commands.length === 0
      ? [command.name()]
      : command.commands.flatMap((each) =>
          leaves(each).map((name) => (command === program ? name : `${command.name()} ${name}`)),
        );
  assert.deepEqual(Object.keys(commands).toSorted(), leaves(program).toSorted());
});

test('a mistake in the arguments is one line, whatever they hold', (t) => {
  const root = temporaryDirectory(t);
  for (const args of [[NAME], ['put', `--${NAME}`], ['put', 'a', '--durability', NAME]]) {
    const { all } = run(root, args);
    assert.doesNotMatch(all, FORBIDDEN);
    assert.doesNotMatch(all, /^removed/m);
    assert.ok(all.includes(ESCAPED), all);
  }
  assert.match(run(root, ['pu']).err, /^error: unknown command 'pu'\n\(Did you mean put\?\)\n/);
});

test('JSON stays JSON: a reader gets the very name, a terminal none of its control characters', (t) => {
  const root = hostileDirectory(t);
  writeFileSync(`${root}/a.json`, JSON.stringify({ [NAME]: NAME }));
  writeFileSync(`${root}/log.jsonl`, `${JSON.stringify({ [NAME]: NAME })}\n`);
  const outputs = [
    run(root, ['json', 'get', 'a.json']).out,
    run(root, ['records', 'read', 'log.jsonl']).out,
    run(root, ['orphans', 'left', '--json']).out,
  ];
  for (const output of outputs) assert.doesNotMatch(output, FORBIDDEN);
  const [document, record, orphans] = outputs.map((output) => JSON.parse(output) as unknown);
  assert.deepEqual(document, { [NAME]: NAME });
  assert.deepEqual(record, { [NAME]: NAME });
  const [orphan] = orphans as { readonly path: string }[];
  assert.ok(orphan?.path.includes(NAME));
});

test('any text survives JSON output, and none of its control characters does', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(undefined, 2), (text, indent) => {
      const printed = jsonOf({ [`_${text}`]: [text] }, indent).text;
      assert.doesNotMatch(printed, FORBIDDEN);
      assert.deepEqual(JSON.parse(printed), { [`_${text}`]: [text] });
      assert.doesNotMatch(shown`${text}`.text, /\p{Cc}/u);
      assert.doesNotMatch(shown`${text}`.text, FORBIDDEN);
      assert.equal(textOf(text).text.includes('\t'), false);
      assert.doesNotMatch(textOf(text).text, FORBIDDEN);
    }),
  );
});

test('a string printed raw is as it is for a program, and escaped on a terminal', (t) => {
  const { isTTY } = process.stdout;
  t.after(() => Object.defineProperty(process.stdout, 'isTTY', { value: isTTY }));
  Object.defineProperty(process.stdout, 'isTTY', { value: false, configurable: true });
  assert.equal(resultOf(NAME).text, NAME);
  Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
  assert.doesNotMatch(resultOf(NAME).text, FORBIDDEN);
});

test('an error that is not ours shows its message in one line and its frames below', (t) => {
  let told = '';
  t.mock.method(process.stderr, 'write', (text: string) => {
    told += text;
    return true;
  });
  reportError(new TypeError(`no ${NAME}`));
  reportError(NAME);
  t.mock.reset();
  assert.doesNotMatch(told, FORBIDDEN);
  assert.match(told, /^holdfast: TypeError: no n\\x1b.*\n {4}at /);
  assert.doesNotMatch(told, /^removed/m);
});

test('help is escaped too', (t) => {
  let written = '';
  t.mock.method(process.stdout, 'write', (text: string) => {
    written += text;
    return true;
  });
  commandOutput.writeOut?.(`usage ${NAME}\n`);
  t.mock.reset();
  assert.doesNotMatch(written, FORBIDDEN);
});

test('nothing in the command line writes to a standard stream but outputs.ts', () => {
  const sources = fileURLToPath(new URL('../src/', import.meta.url));
  const writers = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      name.endsWith('.ts') &&
      /console\.|std(?:out|err)\.write/.test(readFileSync(sources + name, 'utf8')),
  );
  assert.deepEqual(writers, ['outputs.ts']);
});
