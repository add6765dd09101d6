import type { Command } from 'commander';

/** Every group of commands, in the order in which `holdfast --help` lists them. */
export const commandGroups: readonly ((program: Command) => void)[] = [];
