/** What Holdfast promises on Windows, run under Wine (tools/src/wine.ts). Wine is not Windows. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, publishDirectory, replaceFile, withLock } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';

const program = fileURLToPath(new URL('windows-child.js', import.meta.url));
const writers = Number(process.env['HOLDFAST_WINE_WRITERS'] ?? 50);

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: 'ignore' });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

test(
  '50 processes x 20 updates of one document: none is lost',
  { skip: process.platform !== 'win32' },
  async (t) => {
    const file = `${temporaryDirectory(t)}/count.json`;
    const waiting = Array.from({ length: writers }, () => file);
    const work = async (): Promise<void> => {
      while (waiting.pop()) await ended(start('count', file, '20'));
    };
    await Promise.all(Array.from({ length: 8 }, work));
    assert.equal(readFileSync(file, 'utf8').trim(), String(writers * 20));
  },
);

test('a lock of another process is not free until that process has ended', async (t) => {
  const directory = temporaryDirectory(t);
  const [file, isHeld] = [`${directory}/a`, `${directory}/held`];
  const holder = start('hold', file, isHeld);
  while (!existsSync(isHeld)) await sleep(20);
  await assert.rejects(
    withLock(file, () => {}, { timeoutMs: 100 }),
    (error: unknown) => isHoldfastError(error, 'LOCK_TIMEOUT'),
  );
  holder.kill('SIGKILL');
  await withLock(file, () => {}, { timeoutMs: 10_000 });
  await ended(holder);
});

test('a process that is terminated at any step leaves old or new, and nothing after the next write', async (t) => {
  const directory = temporaryDirectory(t);
  const file = `${directory}/a`;
  for (let step = 0; ; step += 1) {
    writeFileSync(file, 'old');
    await ended(start('die', file, String(step)));
    assert.ok(['old', 'new'.repeat(5000)].includes(readFileSync(file, 'utf8')), `step ${step}`);
    if (existsSync(`${file}.end`)) break;
  }
  rmSync(`${file}.end`);
  await replaceFile(file, 'next');
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a file that another program has open is replaced when it is closed, within the time of a write', async (t) => {
  const file = `${temporaryDirectory(t)}/a`;
  writeFileSync(file, 'old');
  const reader = openSync(file, 'r');
  const closed = sleep(300).then(() => closeSync(reader));
  await replaceFile(file, 'new');
  await closed;
  assert.equal(readFileSync(file, 'utf8'), 'new');
});

test('a file that stays open in another program is a typed error in bounded time, and has its old content', async (t) => {
  const directory = temporaryDirectory(t);
  const file = `${directory}/a`;
  writeFileSync(file, 'old');
  const reader = openSync(file, 'r');
  const began = performance.now();
  // With the POSIX renames of Windows itself an open reader stops nothing.
  const result = await replaceFile(file, 'new').catch((error: unknown) => error);
  closeSync(reader);
  if (isHoldfastError(result)) {
    assert.equal(result.code, 'TARGET_IN_USE');
    assert.equal(result.outcome, 'unchanged');
    assert.ok(performance.now() - began < 6000);
    assert.equal(readFileSync(file, 'utf8'), 'old');
  }
  assert.deepEqual(readdirSync(directory), ['a']);
});

test('a read-only file is replaced and stays read-only', async (t) => {
  const file = `${temporaryDirectory(t)}/a`;
  writeFileSync(file, 'old');
  chmodSync(file, 0o444);
  await replaceFile(file, 'new');
  assert.equal(readFileSync(file, 'utf8'), 'new');
  assert.equal(statSync(file).mode & 0o222, 0);
  chmodSync(file, 0o666);
});

test('names that Windows cannot hold are refused, longer paths than MAX_PATH work', async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ['CON', 'dot.', 'a?'])
    await assert.rejects(replaceFile(`${directory}/${name}`, ''), isHoldfastError);
  // Longer than MAX_PATH (260) with its name, while Wine resolves no directory that is longer.
  const deep = `${directory}/${'d'.repeat(150)}`;
  await nodeFileSystem.mkdir(deep);
  const file = `${deep}/${'f'.repeat(200)}`;
  await replaceFile(file, 'new');
  await replaceFile(file, 'newer');
  assert.equal(readFileSync(file, 'utf8'), 'newer');
});

test('a directory is published, also onto an empty one, and replaced by two renames', async (t) => {
  const directory = temporaryDirectory(t);
  const out = `${directory}/out`;
  await nodeFileSystem.mkdir(out);
  await publishDirectory(out, (stage) => stage.write('a', '1'));
  await assert.rejects(
    publishDirectory(out, (stage) => stage.write('a', '2')),
    (error: unknown) => isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  await publishDirectory(out, (stage) => stage.write('b', '3'), {
    ifExists: 'replace',
    withoutExchange: 'twoRenames',
  });
  assert.deepEqual(readdirSync(out), ['b']);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('staging')),
    [],
  );
});
