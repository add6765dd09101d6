/**
 * The settings of a command-line tool: one JSON file in the user's configuration directory that
 * several runs of the tool change at once. No change is lost, a crash leaves the old settings or
 * the new ones, and a file that somebody has broken by hand is never overwritten.
 *
 *   node cli-settings.js NAME VALUE
 */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isHoldfastError, updateJson } from 'holdfast';

type Settings = Record<string, string>;

const directory = join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'my-tool');
const path = join(directory, 'settings.json');

export async function setSetting(name: string, value: string): Promise<Settings> {
  await mkdir(directory, { recursive: true });
  // The updater runs under the lock, on what the file holds now: nothing was read before.
  return updateJson<Settings>(path, (settings) => ({ ...settings, [name]: value }));
}

const [name, value] = process.argv.slice(2);
if (name === undefined || value === undefined) {
  console.error('usage: cli-settings NAME VALUE');
  process.exitCode = 2;
} else {
  try {
    console.log(JSON.stringify(await setSetting(name, value)));
  } catch (error) {
    // What was there is still there: tell the user where the file breaks, and leave it to them.
    if (!isHoldfastError(error, 'CORRUPT_DOCUMENT')) throw error;
    console.error(`${path} is not JSON: ${error.message}`);
    process.exitCode = 1;
  }
}
