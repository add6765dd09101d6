/**
 * Real stores on the loopback, each with a folder of its own, which `.ci/run stores` puts into
 * `.cache/stores`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { repository, temporaryDirectory } from '@holdfast/tools/testing';

const programs = `${repository}.cache/stores/`;

export const bucket = 'bucket';
export const credentials = { accessKeyId: 'testkey', secretAccessKey: 'testsecret' };

/** Those that lose nothing. */
export const serverNames = ['gofakes3', 'versitygw'] as const;

/**
 * Those that answer 412 when they are asked one after another, and lose updates; by night also
 * those that take minutes to build or to start.
 */
export const convictedNames: readonly ServerName[] = [
  ...(['s3proxy', 'moto'] as const),
  ...(process.env['HOLDFAST_NIGHTLY'] ? (['s3mock', 's3s-fs'] as const) : []),
];

export type ServerName = (typeof serverNames)[number] | 's3proxy' | 's3mock' | 'moto' | 's3s-fs';

export interface StoreServer {
  readonly name: ServerName;
  readonly endpoint: string;
  /** Ends the process as a power loss would, as far as it can tell. */
  kill(): Promise<void>;
  /** Starts it again, on what it has left, at the same endpoint. */
  start(): Promise<void>;
}

/** How a store is started. */
interface Start {
  /** Its program and arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment?: NodeJS.ProcessEnv;
  /** It takes no folder for a bucket. */
  readonly makesBucket?: true;
}

const starts: Readonly<Record<ServerName, (folder: string, port: number) => Start>> = {
  gofakes3(folder, port) {
    const file = ['-backend', 'bolt', '-bolt.db', `${folder}/bolt.db`, '-initialbucket', bucket];
    return { command: [stored('gofakes3'), '-host', `127.0.0.1:${port}`, ...file] };
  },
  versitygw: (folder, port) => ({
    command: [stored('versitygw'), '--port', `127.0.0.1:${port}`, 'posix', `${folder}/data`],
    environment: {
      ROOT_ACCESS_KEY: credentials.accessKeyId,
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
  }),
  s3proxy(folder, port) {
    const properties = [
      'jclouds.provider=filesystem-nio2',
      `jclouds.filesystem.basedir=${folder}/data`,
      's3proxy.authorization=none',
      `s3proxy.endpoint=http://127.0.0.1:${port}`,
    ];
    writeFileSync(`${folder}/s3proxy.conf`, properties.join('\n'));
    const jar = stored('s3proxy-4.1.0-jar-with-dependencies.jar');
    return { command: ['java', '-jar', jar, '--properties', `${folder}/s3proxy.conf`] };
  },
  s3mock(folder, port) {
    const ports = [`--http.port=${port}`, '--server.port=0'];
    const root = `--com.adobe.testing.s3mock.store.root=${folder}/data`;
    const jar = stored('s3mock-5.2.0-exec.jar');
    return { command: ['java', '-jar', jar, ...ports, root], makesBucket: true };
  },
  moto: (_, port) => ({
    command: [stored('moto/bin/moto_server'), '-H', '127.0.0.1', '-p', `${port}`],
    // With its objects in files, as those above 16 MB are by default, it loses soon what it loses
    // rarely otherwise.
    environment: { MOTO_S3_DEFAULT_KEY_BUFFER_SIZE: '1' },
    makesBucket: true,
  }),
  's3s-fs'(folder, port) {
    const { accessKeyId, secretAccessKey } = credentials;
    const keys = ['--access-key', accessKeyId, '--secret-key', secretAccessKey];
    const address = ['--host', '127.0.0.1', '--port', `${port}`];
    return { command: [stored('bin/s3s-fs'), ...address, ...keys, `${folder}/data`] };
  },
};

function stored(name: string): string {
  const file = `${programs}${name}`;
  if (!existsSync(file)) throw new Error(`there is no ${file}: run .ci/run stores`);
  return file;
}

/** Starts a store that ends with the test. */
export async function startServer(t: TestContext, name: ServerName): Promise<StoreServer> {
  const folder = temporaryDirectory(t);
  const port = await freePort();
  mkdirSync(`${folder}/data/${bucket}`, { recursive: true });
  const { command, environment, makesBucket } = starts[name](folder, port);
  const [program, ...args] = command;
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  const endpoint = `http://127.0.0.1:${port}/`;
  const start = async (): Promise<void> => {
    child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...environment } });
    await answered(endpoint, child);
  };
  t.after(kill);
  await start();
  if (makesBucket) await (await fetch(`${endpoint}${bucket}`, { method: 'PUT' })).arrayBuffer();
  return { name, endpoint, kill, start };
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
