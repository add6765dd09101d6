/**
 * `holdfast crashtest`: where can a program lose data in a crash? For any program, not only those
 * that use Holdfast.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  crashTest,
  printViolation,
  replayViolation,
  saveViolation,
  type CrashTest,
} from '@holdfast/crashkit';
import { HoldfastError } from 'holdfast';
import { jsonOf, print, textOf } from '../outputs.js';

const examples = `
Examples:
  holdfast crashtest --check 'node my-check.js' -- node my-script.js
  holdfast crashtest -- node my-script.js --check 'node my-check.js'
  holdfast crashtest --save loss.json --check ./check.sh -- ./save-state.sh
  holdfast crashtest --replay loss.json --into /tmp/after-the-crash

The program runs once, in a copy of the directory, under strace. Then the check runs in a directory for each state that a
crash may leave, and must exit 0 there. A line "ACK label" on the program's standard output is a promise to somebody; the
check finds the promises given before the crash in HOLDFAST_ACKNOWLEDGED, one a line.

Exit status: 0 no loss found, 1 a loss found, 2 wrong usage, 6 strace is missing.`;

interface CrashtestOptions {
  readonly check?: string;
  readonly directory: string;
  readonly seed: string;
  readonly maxStates: string;
  readonly save?: string;
  readonly replay?: string;
  readonly into?: string;
  readonly json?: boolean;
}

export function addCrashtestCommands(program: Command): void {
  program
    .command('crashtest')
    .description('Show where a program can lose data in a crash, with the shortest trace')
    .argument('[command...]', 'the program and its arguments, after --')
    .option('--check <command>', 'shell command that must succeed after every crash')
    .option('--directory <path>', 'what the program works in (it gets a copy)', '.')
    .option('--seed <number>', 'choice of states where there are too many for all', '1')
    .option('--max-states <number>', 'stop after so many distinct states', '1000')
    .option('--save <file>', 'write the first loss to a file, for --replay')
    .option('--replay <file>', 'show a saved loss; with --into, make what the crash left')
    .option('--into <directory>', 'an empty directory for --replay')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(operands: readonly string[], options: CrashtestOptions): Promise<void> {
  if (options.replay !== undefined) return replay(options.replay, options.into);
  const { command, check } = splitCommand(operands, options.check);
  const result = await crashTest({
    command,
    check,
    directory: resolve(options.directory),
    seed: wholeNumber('--seed', options.seed),
    maxStates: wholeNumber('--max-states', options.maxStates),
  });
  const [first] = result.violations;
  if (first && options.save !== undefined) saveViolation(options.save, first);
  print(options.json ? jsonOf(result, 1) : textOf(report(result)));
  if (first) process.exitCode = 1;
  return undefined;
}

function replay(file: string, into: string | undefined): void {
  if (into === undefined) throw wrongUsage('--replay needs --into DIRECTORY, an empty directory');
  print(textOf(printViolation(replayViolation(file, resolve(into)))));
}

/** The check may also stand at the very end, after the program's own arguments. */
function splitCommand(
  operands: readonly string[],
  given: string | undefined,
): { readonly command: readonly string[]; readonly check: string } {
  const trailing = given === undefined && operands.at(-2) === '--check';
  const command = trailing ? operands.slice(0, -2) : operands;
  const check = trailing ? operands.at(-1) : given;
  if (command.length === 0) throw wrongUsage('name the program after --');
  if (check === undefined) throw wrongUsage("say what must hold after a crash: --check 'COMMAND'");
  return { command, check };
}

function report(result: CrashTest): string {
  const unseen = result.notFollowed.map((what) => `Not followed, so not tested: ${what}.`);
  const summary =
    `${result.operations} operations, ${result.states} distinct states after a crash, ` +
    `${result.failing} of them fail the check (seed ${result.seed}).`;
  return [...result.violations.map(printViolation), ...unseen, summary].join('\n\n');
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw wrongUsage(`${name} takes a whole number, not '${text}'`);
  return Number(text);
}

function wrongUsage(message: string): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', {
    message: `${message} (holdfast crashtest --help shows examples).`,
    step: 'crashtest',
    path: '',
  });
}
