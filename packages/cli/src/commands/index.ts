import type { Command } from 'commander';
import { addCrashtestCommands } from './crashtest.js';
import { addDirectoryCommands } from './directory.js';
import { addTextCommands } from './text.js';
import { addJsonCommands } from './json.js';
import { addRasterCommands } from './raster.js';
import { addRecordsCommands } from './records.js';
import { addFileCommands } from './file.js';
import { addHistoryCommands } from './history.js';
import { addMetaflowCommands } from './metaflow.js';
import { addPartsCommands } from './parts.js';
import { addTransactionCommands } from './transaction.js';

/** Every group of commands, in the order in which `holdfast --help` lists them. */
export const commandGroups: readonly ((program: Command) => void)[] = [
  addFileCommands,
  addHistoryCommands,
  addCrashtestCommands,
  addDirectoryCommands,
  addPartsCommands,
  addJsonCommands,
  addTextCommands,
  addRecordsCommands,
  addTransactionCommands,
  addRasterCommands,
  addMetaflowCommands,
];
