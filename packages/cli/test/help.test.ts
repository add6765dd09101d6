import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandGroups, commandsFor } from '#src/commands/index.js';
import { Command } from 'commander';

const packageRoot = new URL('../', import.meta.url);

test('every command says what it does, and shows examples', async () => {
  const program = new Command('holdfast');
  for (const addTo of await commandsFor(undefined)) addTo(program);
  const commands = leavesOf(program);
  assert.ok(commands.length > 20);
  for (const command of commands) {
    assert.match(command.description(), /^[A-Z]/, command.name());
    assert.match(helpOf(command), /^Examples:\n {2}/m, command.name());
  }
});

test('a command is found in the group that names it, and anything else among all', async () => {
  const namesOf = async (command: string | undefined): Promise<readonly string[]> => {
    const program = new Command('holdfast');
    for (const addTo of await commandsFor(command)) addTo(program);
    return program.commands.map((each) => each.name());
  };
  const all = commandGroups.flatMap(({ names }) => names);
  for (const { names } of commandGroups)
    for (const name of names) assert.deepEqual(await namesOf(name), names);
  for (const other of [undefined, '--help', 'help', 'jsn'])
    assert.deepEqual(await namesOf(other), all);
});

test('one unit and one name: a time to wait is in seconds, a lock file is --lock-file', async () => {
  const program = new Command('holdfast');
  for (const addTo of await commandsFor(undefined)) addTo(program);
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
