/**
 * Runs the suite `*.nfs.ts` on a real NFS: a guest kernel (guest.ts) serves a directory by NFS 4.2
 * on its own loopback and mounts it twice without shared caches, which is what two machines are to
 * each other. Node runs in the guest.
 *
 *   node tools/dist/nfs.js [SUBSTRING ...]
 *
 * The tests find the mounts in HOLDFAST_NFS_A and HOLDFAST_NFS_B, two more that cache no names
 * (`lookupcache=none`) in HOLDFAST_NFS_C and HOLDFAST_NFS_D, and the server's own directory, on
 * ext4, in HOLDFAST_NFS_SERVER. Needs Debian's user-mode-linux, kmod, e2fsprogs, iproute2,
 * nfs-kernel-server and nfs-common.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runGuest } from './guest/guest.js';
import { serveByNfs } from './guest/nfs-server.js';

const TIME_LIMIT_MS = 1_200_000;
const DISK_BYTES = 512 * 2 ** 20;

const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const folder = mkdtempSync(`${realpathSync(tmpdir())}/holdfast-nfs-`);
try {
  process.exitCode = await runGuest({
    script: script(process.argv.slice(2)),
    disks: [makeDisk(`${folder}/disk`)],
    timeLimitMs: TIME_LIMIT_MS,
    onLine: (line) => console.log(line),
  });
} catch (error) {
  console.error(`nfs: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function makeDisk(path: string): string {
  writeFileSync(path, '');
  truncateSync(path, DISK_BYTES);
  execFileSync('mkfs.ext4', ['-q', '-F', path]);
  return path;
}

function script(substrings: readonly string[]): string {
  const node = `'${process.execPath}'`;
  const wanted = substrings.map((text) => `'${text.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  return `
set -e
${serveByNfs}
export NO_COLOR=1 HOLDFAST_NFS_SERVER=/mnt/disk
export HOLDFAST_NFS_{A,B,C,D}
HOLDFAST_NFS_A=/mnt/a HOLDFAST_NFS_B=/mnt/b HOLDFAST_NFS_C=/mnt/c HOLDFAST_NFS_D=/mnt/d
cd '${repository}'
${node} tools/dist/test.js --suite nfs --concurrency 1 --limit 500 ${wanted}
`;
}
