/**
 * The groups of commands. A run loads the one that its command is in: all of them are a hundred
 * files.
 */
import type { Command } from 'commander';

/** Adds the commands of a group to the program. */
export type AddCommands = (program: Command) => void;

interface CommandGroup {
  /** Of the commands of the program that it adds. */
  readonly names: readonly string[];
  load(): Promise<AddCommands>;
}

/** In the order in which `holdfast --help` lists them. */
export const commandGroups: readonly CommandGroup[] = [
  {
    names: ['put', 'lock', 'watch'],
    load: async () => (await import('./file.js')).addFileCommands,
  },
  {
    names: ['history', 'restore'],
    load: async () => (await import('./history.js')).addHistoryCommands,
  },
  {
    names: ['crashtest'],
    load: async () => (await import('./crashtest.js')).addCrashtestCommands,
  },
  {
    names: ['publish', 'orphans', 'doctor'],
    load: async () => (await import('./directory.js')).addDirectoryCommands,
  },
  { names: ['parts'], load: async () => (await import('./parts.js')).addPartsCommands },
  { names: ['json'], load: async () => (await import('./json.js')).addJsonCommands },
  {
    names: ['env', 'toml', 'yaml'],
    load: async () => (await import('./text.js')).addTextCommands,
  },
  { names: ['records'], load: async () => (await import('./records.js')).addRecordsCommands },
  {
    names: ['transaction', 'recover'],
    load: async () => (await import('./transaction.js')).addTransactionCommands,
  },
  { names: ['raster'], load: async () => (await import('./raster.js')).addRasterCommands },
  { names: ['metaflow'], load: async () => (await import('./metaflow.js')).addMetaflowCommands },
];

/**
 * What adds a command; all groups when it is none, since then the help lists them, or a message
 * names the nearest.
 */
export async function commandsFor(command: string | undefined): Promise<readonly AddCommands[]> {
  const own = commandGroups.filter(({ names }) => names.includes(command ?? ''));
  const groups = own.length > 0 ? own : commandGroups;
  return Promise.all(groups.map((group) => group.load()));
}
