/**
 * Whatever has a name that Holdfast uses (a FIFO, a device, a symlink, a hard link, a directory,
 * something of another user, a file that all may write, one that is far too large), every call ends
 * at once, with a result or a typed error, and nothing outside the directory is touched.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { twoUsers } from '@holdfast/tools/testing';

/** For all calls together; one that hangs uses it up. */
const PATIENCE_MS = 900_000;

interface Line {
  readonly begins?: string;
  readonly ends?: string;
  readonly code?: string;
  readonly typed?: boolean;
  readonly untouched?: boolean;
}

for (const [which, least] of [
  ['core', 500],
  ['raster', 500],
  ['commands', 200],
] as const) {
  test(`whatever has a name of ours, each call of ${which} ends, typed, and touches nothing else`, (t) => {
    const { b } = twoUsers(t);
    const program = fileURLToPath(import.meta.resolve('./names-taken.js'));
    // Here, since a process that is killed leaves what it made, and what it made may fill the
    // memory.
    const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-'));
    t.after(() => rmSync(base, { recursive: true, force: true }));
    const args = [program, `--which=${which}`, `--stranger=${b.uid}`, `--in=${base}`];
    const options = {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 2 ** 26,
    } as const;
    const { stdout, stderr, status } = spawnSync(process.execPath, args, options);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    const begun = new Set(lines.flatMap(({ begins = [] }) => begins));
    const count = begun.size;
    const wrong: string[] = [];
    for (const { ends, code, typed, untouched } of lines) {
      if (ends === undefined) continue;
      begun.delete(ends);
      if (!typed) wrong.push(`${ends}: ${code}`);
      else if (!untouched) wrong.push(`${ends}: touched what is outside`);
    }
    for (const call of begun) wrong.push(`${call}: did not end`);
    assert.deepEqual(wrong, []);
    assert.equal(status, 0, stderr);
    assert.ok(count >= least, `only ${count} calls were made`);
    t.diagnostic(`${count} calls`);
  });
}
