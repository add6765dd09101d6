/** What the package must be able to do in every runtime, and in what every bundler makes of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  acquireLock,
  isHoldfastError,
  publishDirectory,
  readJson,
  replaceFile,
  updateJson,
} from 'holdfast';

const PROCESSES = 4;
const UPDATES = 10;

interface Counter {
  updates: number;
}

/**
 * Replaces a file, updates a document by four processes, publishes a directory, and excludes
 * flock(1).
 *
 * @param directory - an empty one
 * @param writer - the command that calls {@link write} in a process of its own; the directory is
 *   added
 */
export async function smoke(directory: string, writer: readonly string[]): Promise<void> {
  const note = `${directory}/note`;
  await replaceFile(note, 'whole');
  await replaceFile(note, new TextEncoder().encode('replaced'));
  assert.equal(readFileSync(note, 'utf8'), 'replaced');
  await assert.rejects(replaceFile(note, 'x', { ifExists: 'fail' }), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  const [program = '', ...args] = writer;
  const writers = Array.from({ length: PROCESSES }, () => ended(program, [...args, directory]));
  assert.deepEqual(new Set(await Promise.all(writers)), new Set([0]));
  const { updates } = await readJson<Counter>(`${directory}/state.json`);
  assert.equal(updates, PROCESSES * UPDATES);
  await publishDirectory(`${directory}/site`, (stage) => stage.write('index.html', 'published'));
  assert.equal(readFileSync(`${directory}/site/index.html`, 'utf8'), 'published');
  const lock = await acquireLock(note, { timeoutMs: 10_000 });
  const tryFlock = (): Promise<number | null> => ended('flock', ['-n', `${note}.lock`, 'true']);
  assert.equal(await tryFlock(), 1, 'flock(1) got a lock that was held');
  await lock.release();
  assert.equal(await tryFlock(), 0, 'flock(1) did not get a lock that was free');
}

/** One process's share of the updates. */
export async function write(directory: string): Promise<void> {
  for (let count = 0; count < UPDATES; count += 1) {
    const add = ({ updates }: Counter): Counter => ({ updates: updates + 1 });
    await updateJson(`${directory}/state.json`, add, { initial: { updates: 0 } });
  }
}

function ended(program: string, args: readonly string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    spawn(program, args, { stdio: 'inherit' }).once('error', reject).once('close', resolve);
  });
}
