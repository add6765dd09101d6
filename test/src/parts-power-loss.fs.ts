/**
 * The server of an NFS, and with it the workers, loses power after parts were acknowledged: once it
 * is up again, none of them is missing, and the session goes on to its commit.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POWER_LOST, runGuest, serveByNfs } from '@holdfast/tools/guest';
import { temporaryDirectory } from '@holdfast/tools/testing';

const TIME_LIMIT_MS = 600_000;
const program = fileURLToPath(new URL('acknowledged-parts.js', import.meta.url));

test('parts that were acknowledged survive a loss of power of the server, twice', async (t) => {
  const disk = join(temporaryDirectory(t), 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 128 * 2 ** 20);
  execFileSync('mkfs.ext4', ['-q', '-F', disk]);
  const acknowledged = new Set<number>();
  const said: string[] = [];
  /** The power goes after so many further parts. */
  const run = async (most: number): Promise<number> => {
    const known = JSON.stringify([...acknowledged]);
    const powerLoss = new AbortController();
    let count = 0;
    return runGuest({
      script: `set -e\n${serveByNfs}\n'${process.execPath}' '${program}' '${known}' 2>&1`,
      disks: [disk],
      timeLimitMs: TIME_LIMIT_MS,
      powerLoss: powerLoss.signal,
      onLine: (line) => {
        said.push(line);
        const part = /^acknowledged (\d+)$/u.exec(line)?.[1];
        if (part === undefined || acknowledged.has(Number(part))) return;
        acknowledged.add(Number(part));
        count += 1;
        if (count === most) powerLoss.abort();
      },
    });
  };
  for (const most of [7, 16]) assert.equal(await run(most), POWER_LOST, said.join('\n'));
  assert.equal(await run(Infinity), 0, said.join('\n'));
  assert.ok(said.includes('committed'));
});
