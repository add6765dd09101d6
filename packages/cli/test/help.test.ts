import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandGroups } from '#src/commands/index.js';
import { Command } from 'commander';

const packageRoot = new URL('../', import.meta.url);

test('every command says what it does, and shows examples', () => {
  const program = new Command('holdfast');
  for (const addTo of commandGroups) addTo(program);
  const commands = leavesOf(program);
  assert.ok(commands.length > 20);
  for (const command of commands) {
    assert.match(command.description(), /^[A-Z]/, command.name());
    assert.match(helpOf(command), /^Examples:\n {2}/m, command.name());
  }
});

test('one unit and one name: a time to wait is in seconds, a lock file is --lock-file', () => {
  const program = new Command('holdfast');
  for (const addTo of commandGroups) addTo(program);
  const options = leavesOf(program).flatMap((command) => command.options);
  const times = options.filter(({ long }) => long === '--timeout');
  assert.ok(times.length > 5);
  for (const { flags } of times) assert.equal(flags, '--timeout <seconds>');
  const locks = options.filter(({ long }) => long?.startsWith('--lock'));
  assert.ok(locks.length > 5);
  for (const { flags } of locks) assert.equal(flags, '--lock-file <path>');
});

test('--version says the version of the package', () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as {
    version: string;
  };
  const program = fileURLToPath(new URL('bin/holdfast.js', packageRoot));
  assert.equal(
    execFileSync(process.execPath, [program, '--version'], { encoding: 'utf8' }).trim(),
    version,
  );
});

function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text;
}
