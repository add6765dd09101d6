/**
 * The filesystems that this machine's kernel lacks, in guest kernels (tools/src/guest) that run
 * filesystems.fs.ts: one for disks, one for servers, one for what needs Debian's own kernel or
 * QEMU. What the guest lacks too is said loudly there, and is no failure. By night the emulated
 * machine, where a process starts in seconds, makes every check, and one more guest tries what a
 * power loss leaves (power-loss.ts).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type MachineName, runGuest } from '@holdfast/tools/guest';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { IN_GUEST, kernelHas } from './mounted.js';
import { isNightly, missingPackage, setups, type Setup } from './filesystem-setups.js';

const TIME_LIMIT_MS = isNightly ? 3_600_000 : 900_000;
const wanted = setups.filter(({ kernel, isOfGuest }) => isOfGuest ?? !kernelHas(kernel));
// A guest has this machine's files, so what is missing here is said here, where a skipped test is
// counted.
const lacking = wanted.filter((setup) => missingPackage(setup) === undefined);

test('what only a guest kernel has', { concurrency: true }, async (t) => {
  for (const setup of wanted) {
    const skip = missingPackage(setup);
    if (skip !== undefined) void t.test(setup.name, { skip });
  }
  const inUserMode = lacking.filter(({ guest = 'userMode' }) => guest === 'userMode');
  const onDisks = inUserMode.filter(({ isServed }) => !isServed);
  const ofServers = inUserMode.filter(({ isServed }) => isServed);
  const emulated = lacking.filter(
    ({ guest, isOfGuest }) => guest === 'qemu' && (isOfGuest ?? isNightly),
  );
  await Promise.all([
    t.test('filesystems on disks', () => tryFilesystems('userMode', onDisks)),
    t.test('filesystems of servers', () => tryFilesystems('userMode', ofServers)),
    t.test('filesystems of an emulated machine', async (sub) => {
      await tryFilesystems('qemu', emulated, temporaryDirectory(sub));
    }),
    ...(isNightly ? [t.test('power losses', () => runInGuest('userMode', 'power-loss.js'))] : []),
  ]);
});

async function tryFilesystems(
  machine: MachineName,
  tried: readonly Setup[],
  shared?: string,
): Promise<void> {
  if (tried.length === 0) return;
  const names = tried.map(({ name }) => name).join(',');
  await runInGuest(machine, 'filesystems.fs.js', { names, shared });
}

async function runInGuest(
  machine: MachineName,
  program: string,
  { names = '', shared }: { names?: string; shared?: string | undefined } = {},
): Promise<void> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const status = await runGuest({
    machine,
    script: `
load loop
export ${IN_GUEST}=${machine} NO_COLOR=1 HOLDFAST_FILESYSTEMS='${names}' ${isNightly ? 'HOLDFAST_NIGHTLY=1' : ''}
export NODE_OPTIONS='${process.env['NODE_OPTIONS'] ?? ''}'
'${process.execPath}' --test-reporter=spec '${path}'`,
    ...(shared !== undefined && { shared }),
    memoryMiB: 1024,
    timeLimitMs: TIME_LIMIT_MS,
    // Standard output is where the test runner of Node 20 looks for its own messages; among much
    // else it can take one for broken.
    onLine: (line) => console.error(line),
  });
  assert.equal(status, 0);
}
