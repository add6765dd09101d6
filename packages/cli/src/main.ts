/**
 * The `holdfast` command. Each group of commands is one file in commands/, which adds itself to the program; this
 * file knows the list and turns errors into exit codes and sentences.
 */
import { Command } from 'commander';
import { reportError } from './report-error.js';
import { commandGroups } from './commands/index.js';

const program = new Command('holdfast')
  .description(
    'Crash-safe, all-or-nothing writes: files, JSON documents, record logs, directories, rasters.',
  )
  .showHelpAfterError('(holdfast COMMAND --help shows examples)');

for (const addTo of commandGroups) addTo(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error);
}
