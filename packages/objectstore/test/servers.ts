/**
 * Real stores on the loopback, each with a folder of its own: gofakes3 and versitygw, which
 * `.ci/run stores` builds from their Go modules into `.cache/stores`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { repository, temporaryDirectory } from '@holdfast/tools/testing';

const programs = `${repository}.cache/stores/`;

export const bucket = 'bucket';
export const credentials = { accessKeyId: 'testkey', secretAccessKey: 'testsecret' };

export const serverNames = ['gofakes3', 'versitygw'] as const;
export type ServerName = (typeof serverNames)[number];

export interface StoreServer {
  readonly name: ServerName;
  readonly endpoint: string;
  /** Ends the process as a power loss would, as far as it can tell. */
  kill(): Promise<void>;
  /** Starts it again, on what it has left, at the same endpoint. */
  start(): Promise<void>;
}

/** Starts a store that ends with the test. */
export async function startServer(t: TestContext, name: ServerName): Promise<StoreServer> {
  const program = `${programs}${name}`;
  if (!existsSync(program)) throw new Error(`there is no ${program}: run .ci/run stores`);
  const folder = temporaryDirectory(t);
  const port = await freePort();
  mkdirSync(`${folder}/data/${bucket}`, { recursive: true });
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  const endpoint = `http://127.0.0.1:${port}/`;
  const start = async (): Promise<void> => {
    child = spawn(program, argumentsOf(name, folder, port), {
      stdio: 'ignore',
      env: {
        ...process.env,
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
    });
    await answered(endpoint, child);
  };
  t.after(kill);
  await start();
  return { name, endpoint, kill, start };
}

function argumentsOf(name: ServerName, folder: string, port: number): string[] {
  const address = `127.0.0.1:${port}`;
  if (name === 'versitygw') return ['--port', address, 'posix', `${folder}/data`];
  const file = `${folder}/bolt.db`;
  return ['-host', address, '-backend', 'bolt', '-bolt.db', file, '-initialbucket', bucket];
}

async function answered(endpoint: string, child: ChildProcess): Promise<void> {
  for (;;) {
    const response = await fetch(endpoint).catch(() => undefined);
    await response?.arrayBuffer();
    if (response) return;
    if (child.exitCode !== null) throw new Error(`the store ended with ${child.exitCode}`);
    await sleep(20);
  }
}

/** A port of the loopback that nobody listens at. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}
