/**
 * The two mounts of one NFS server (tools/src/nfs.ts), and processes that work on them side by side
 * as two machines do.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import type { TestContext } from 'node:test';

/** One directory as each machine sees it, and as the server has it. */
export interface NfsClients {
  readonly a: string;
  readonly b: string;
  readonly server: string;
}

/**
 * Makes a directory of its own for a test, removed when the test ends.
 *
 * @param names - whether the machines answer from names that they looked up before, as they do by
 *   default
 */
export function nfsClients(t: TestContext, names: 'cached' | 'notCached' = 'cached'): NfsClients {
  const server = mkdtempSync(`${mountOf('SERVER')}/test-`);
  t.after(() => rmSync(server, { recursive: true, force: true }));
  const [a, b] = names === 'cached' ? (['A', 'B'] as const) : (['C', 'D'] as const);
  const name = basename(server);
  return { a: `${mountOf(a)}/${name}`, b: `${mountOf(b)}/${name}`, server };
}

function mountOf(side: 'A' | 'B' | 'C' | 'D' | 'SERVER'): string {
  const mount = process.env[`HOLDFAST_NFS_${side}`];
  assert.ok(mount, 'these tests run by node tools/dist/nfs.js');
  return mount;
}

/**
 * Runs `SCRIPT MACHINE DIRECTORY OPERANDS...` on both machines at once, where MACHINE is `a` or
 * `b`; both must succeed.
 */
export async function onBothMachines(
  t: TestContext,
  clients: NfsClients,
  script: URL,
  ...operands: readonly string[]
): Promise<void> {
  await Promise.all(
    (['a', 'b'] as const).map(async (machine) => {
      const child = spawn(
        process.execPath,
        [script.pathname, machine, clients[machine], ...operands],
        { stdio: ['ignore', 'inherit', 'pipe'] },
      );
      t.after(() => child.kill('SIGKILL'));
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        process.stderr.write(text);
      });
      const status = await new Promise((resolve) => child.on('close', resolve));
      assert.equal(status, 0, `the process on machine ${machine}: ${said}`);
    }),
  );
}
