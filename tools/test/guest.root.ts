/**
 * A guest kernel: what it runs, what it leaves on this machine, and that it cannot outlive its
 * time.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { runGuest } from '#src/guest/guest.js';

/** The processes of this machine whose command line has a text. */
function processesWith(text: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}

test('a guest runs its script on a kernel of its own, and gives its status and what it wrote', async (t) => {
  const shared = temporaryDirectory(t);
  const lines: string[] = [];
  const status = await runGuest({
    script: `load nilfs2 && grep -c nilfs2 /proc/filesystems
      uname -r >/mnt/shared/release; touch /never-here; exit 7`,
    shared,
    timeLimitMs: 30_000,
    onLine: (line) => lines.push(line),
  });
  assert.equal(status, 7);
  assert.ok(lines.includes('1'), lines.join('\n'));
  assert.notEqual(
    readFileSync(`${shared}/release`, 'utf8'),
    readFileSync('/proc/sys/kernel/osrelease', 'utf8'),
  );
  assert.deepEqual(
    readdirSync('/').filter((name) => name === 'never-here'),
    [],
  );
});

test('an emulated guest has every module, and two mounts of what is shared', async (t) => {
  const shared = temporaryDirectory(t);
  const lines: string[] = [];
  const status = await runGuest({
    machine: 'qemu',
    script: `load exfat && grep -c exfat /proc/filesystems
      echo told >/mnt/shared/a; cat /mnt/again/a; touch /never-here; exit 7`,
    shared,
    timeLimitMs: 60_000,
    onLine: (line) => lines.push(line),
  });
  assert.equal(status, 7, lines.join('\n'));
  assert.ok(lines.includes('1') && lines.includes('told'), lines.join('\n'));
  assert.equal(readFileSync(`${shared}/a`, 'utf8'), 'told\n');
  assert.equal(
    readdirSync('/').some((name) => name === 'never-here'),
    false,
  );
});

test('a guest that outlives its time is ended with all its processes', async () => {
  const lines: string[] = [];
  const guest = runGuest({
    script: 'tr "\\0" "\\n" </proc/cmdline; sleep 600 & sleep 600',
    timeLimitMs: 1000,
    onLine: (line) => lines.push(line),
  });
  await assert.rejects(guest, /outlived 1000 ms/);
  const folder = /uml_dir=(\S+)/.exec(lines.join('\n'))?.[1];
  assert.ok(folder, lines.join('\n'));
  assert.deepEqual(processesWith(folder), []);
  assert.throws(() => readdirSync(folder), { code: 'ENOENT' });
});
