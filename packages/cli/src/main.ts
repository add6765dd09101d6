/**
 * The `holdfast` command. Each group of commands is one file in commands/, which adds itself to the
 * program; this file knows the list and turns errors into exit codes and sentences.
 */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { errorCodes } from 'holdfast';
import { withInPlaceAlone } from './flags.js';
import { tellLongWaits } from './long-waits.js';
import { commandOutput, endWithOutput } from './outputs.js';
import { tellOfRecoveries } from './recoveries.js';
import { reportError } from './report-error.js';
import { commandsFor } from './commands/index.js';

const ARGUMENT_MISTAKE = errorCodes.INVALID_ARGUMENT.exitCode;

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

const program = new Command('holdfast')
  .description(
    'Crash-safe, all-or-nothing writes: files, JSON documents, record logs, directories, rasters.',
  )
  .version(version)
  // `restore --version 3` asks for a version of a file.
  .enablePositionalOptions()
  // A mistake in the arguments exits like the code INVALID_ARGUMENT; --help exits with 0.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : ARGUMENT_MISTAKE))
  .configureOutput(commandOutput)
  .showHelpAfterError('(holdfast COMMAND --help shows examples)')
  // A list of commands has room for the first sentence of each.
  .configureHelp({ subcommandDescription: (command) => firstSentence(command.description()) });

// What root makes for a user (sudo(8)) is to be that user's, or the next run without it fails.
if (process.env['SUDO_UID'] !== undefined && process.geteuid?.() === 0) {
  process.env['HOLDFAST_OWNER'] ??= 'directory';
}
endWithOutput();
tellLongWaits();
tellOfRecoveries();
// Node itself would print the message of a lost error as it is.
process.on('uncaughtException', (error) => process.exit(reportError(error)));
const [, , command] = process.argv;
for (const addTo of await commandsFor(command)) addTo(program);

try {
  await program.parseAsync(withInPlaceAlone(process.argv));
} catch (error) {
  process.exitCode = reportError(error);
}

function firstSentence(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return /^.*?[.:](?= |$)/.exec(line)?.[0].slice(0, -1) ?? line;
}
