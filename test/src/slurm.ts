/** A Slurm of a test's own, as root: one node on the loopback, and a munged that it trusts. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startDaemon, type Daemon } from './daemon.js';

/** Starts Slurm, until the test ends; gives the file by which its commands find it (SLURM_CONF). */
export async function startSlurm(t: TestContext): Promise<string> {
  // Not temporaryDirectory: it would be removed before the daemons end that write there.
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-slurm-'));
  const daemons: (Daemon | undefined)[] = [];
  t.after(async () => {
    for (const daemon of daemons.toReversed()) await daemon?.stop();
    rmSync(folder, { recursive: true });
  });
  const at = (name: string): string => join(folder, name);
  for (const name of ['state', 'spool']) mkdirSync(at(name));
  writeFileSync(at('munge.key'), randomBytes(128), { mode: 0o600 });
  const files = Object.entries({
    'key-file': 'munge.key',
    socket: 'munge.socket',
    'pid-file': 'munge.pid',
    'log-file': 'munge.log',
    'seed-file': 'munge.seed',
  }).map(([flag, name]) => `--${flag}=${at(name)}`);
  const SLURM_CONF = at('slurm.conf');
  const start = async (command: readonly string[], ready: RegExp): Promise<boolean> => {
    const daemon = await startDaemon(t, command, { env: { ...process.env, SLURM_CONF }, ready });
    daemons.push(daemon);
    return daemon !== undefined;
  };
  // Its directory is closed to other users, which it is told to put up with.
  await start(['munged', '--foreground', '--force', ...files], /Created \d+ work threads/u);
  for (let tries = 0; tries < 10; tries += 1) {
    writeFileSync(SLURM_CONF, configuration(at, await freePort(), await freePort()));
    if (!(await start(['slurmctld', '-D'], /Running as primary controller/u))) continue;
    if (await start(['slurmd', '-D'], /slurmd started/u)) return SLURM_CONF;
    await daemons.at(-2)?.stop();
  }
  throw new Error('Slurm did not start at ten pairs of ports');
}

function configuration(
  at: (name: string) => string,
  controllerPort: number,
  nodePort: number,
): string {
  const node = hostname().split('.')[0];
  return `ClusterName=test
SlurmctldHost=${node}(127.0.0.1)
SlurmctldPort=${controllerPort}
SlurmdPort=${nodePort}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${at('munge.socket')}
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('slurmctld.pid')}
SlurmdPidFile=${at('slurmd.pid')}
ReturnToService=2
NodeName=${node} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
