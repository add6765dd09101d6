/** What is no regular file, in the place of one: no call waits for it, follows it or empties it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';

/** Longer than any call needs that does not wait for somebody. */
const PATIENCE_MS = 300_000;

const calls = `
  import { appendRecords, compactRecords, readJson, readRecords, replaceFile, transaction, updateJson } from 'holdfast';
  import { nodeFileSystem } from 'holdfast/os';
  import { dirname, basename } from 'node:path';
  const [, path, lie] = process.argv;
  // Who looks at the name sees a file; what is there is put in its place before it is opened.
  const lstat = async (asked) => {
    const stat = await nodeFileSystem.lstat(asked);
    return asked === path && lie === 'exchanged' ? { ...stat, kind: 'file' } : stat;
  };
  const fs = { ...nodeFileSystem, lstat };
  const read = async () => { for await (const record of readRecords(path, { fs, format: 'jsonl' })) console.log(record); };
  const calls = {
    readJson: () => readJson(path, { fs }),
    updateJson: () => updateJson(path, () => 1, { fs }),
    readRecords: read,
    appendRecords: () => appendRecords(path, [{}], { fs, format: 'jsonl' }),
    compactRecords: () => compactRecords(path, { key: 'a', fs, format: 'jsonl' }),
    ...(lie !== 'exchanged' && {
      replaceFile: () => replaceFile(path, 'new', { fs }),
      transaction: () => transaction(dirname(path), (tx) => tx.replaceFile(basename(path), 'new'), { fs }),
    }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const seen = await call().then(() => 'done', (error) => [error.code ?? error, error.outcome].join(' '));
    console.log(name, seen);
  }`;

/**
 * What each call says of the path, in a process of its own: one that waits would keep it from
 * ending.
 */
function callAll(path: string, lie = ''): readonly string[] {
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', calls, path, lie],
    { cwd: import.meta.dirname, encoding: 'utf8', timeout: PATIENCE_MS, killSignal: 'SIGKILL' },
  );
  assert.equal(signal, null, `a call waits: ${stdout}`);
  assert.equal(stderr, '');
  return stdout.trim().split('\n');
}

function make(t: TestContext, kind: string): string {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  writeFileSync(`${directory}/elsewhere`, '{"whose":"another"}\n');
  if (kind === 'FIFO') execFileSync('mkfifo', [path]);
  else if (kind === 'directory') mkdirSync(path);
  else if (kind === 'device') symlinkSync('/dev/zero', path);
  else if (kind === 'symlink') symlinkSync('elsewhere', path);
  return path;
}

const isWindows = process.platform === 'win32';

for (const kind of ['FIFO', 'directory', 'device']) {
  test(
    `a ${kind} in the place of a file is refused at once by every call`,
    { skip: isWindows },
    (t) => {
      const path = make(t, kind);
      for (const line of callAll(path)) {
        // A transaction is not even led to a device, which lies outside its root.
        const code = line.startsWith('transaction') && kind === 'device' ? 'PATH_ESCAPES' : '';
        assert.match(line, new RegExp(`^\\w+ ${code || 'UNSUPPORTED_TARGET'} unchanged$`));
      }
    },
  );
}

for (const kind of ['FIFO', 'symlink']) {
  test(
    `a ${kind} that takes the place of a file between look and open is neither waited for nor followed`,
    { skip: isWindows },
    (t) => {
      const path = make(t, kind);
      for (const line of callAll(path, 'exchanged')) {
        assert.match(line, /^\w+ UNSUPPORTED_TARGET unchanged$/);
      }
      assert.equal(readFileSync(join(path, '../elsewhere'), 'utf8'), '{"whose":"another"}\n');
    },
  );
}

test(
  'a pipe behind /dev/stdin is not taken for a missing file',
  { skip: !existsSync('/proc/self/fd') },
  () => {
    const { stdout } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', calls, '/dev/stdin'],
      { cwd: import.meta.dirname, encoding: 'utf8', input: '{"a":1}\n', timeout: PATIENCE_MS },
    );
    for (const name of ['readJson', 'readRecords', 'replaceFile']) {
      assert.match(stdout, new RegExp(`^${name} UNSUPPORTED_TARGET unchanged$`, 'm'));
    }
  },
);
