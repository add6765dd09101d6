/** What a command waits for it says, and what would never come it does not wait for. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock } from 'holdfast';

const bin = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));
const isWindows = process.platform === 'win32';
const PATIENCE_MS = 300_000;

test(
  'a command that waits for a lock says after some seconds which process holds it',
  { skip: !existsSync('/proc/locks') },
  async (t) => {
    const root = temporaryDirectory(t);
    const lock = await acquireLock(`${root}/a`);
    const child = spawn(process.execPath, [bin, 'lock', `${root}/a`, '--', 'true'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
    const { value } = (await lines.next()) as { readonly value: string };
    const said = `holdfast: waiting for ${root}/a.lock since 3 s: held by process ${process.pid} (`;
    assert.ok(value.startsWith(said), value);
    await lock.release();
    assert.deepEqual(await exit, [0, null]);
  },
);

test('no command waits for a FIFO in the place of a file', { skip: isWindows }, (t) => {
  const root = temporaryDirectory(t);
  execFileSync('mkfifo', [`${root}/fifo`, `${root}/locked.lock`]);
  writeFileSync(`${root}/locked`, '{}');
  const commands: readonly (readonly [args: string, input: string, status: number])[] = [
    ['put fifo', 'x', 5],
    ['json get fifo', '', 5],
    ['json set fifo /a 1', '', 5],
    ['records read fifo --format jsonl', '', 5],
    ['records append fifo --format jsonl', '{"a":1}', 5],
    ['records compact fifo --format jsonl --key a', '', 5],
    ['transaction .', '[{"replaceFile":"a","from":"fifo"}]', 11],
    ['lock locked -- true', '', 5],
    ['json set locked /a 1', '', 5],
  ];
  for (const [args, input, expected] of commands) {
    const { status, signal, stderr } = spawnSync(process.execPath, [bin, ...args.split(' ')], {
      cwd: root,
      input,
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    });
    assert.equal(signal, null, `${args} waits`);
    assert.equal(status, expected, `${args}: ${stderr}`);
    assert.match(stderr, /fifo/i, args);
  }
});
