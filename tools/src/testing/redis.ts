/** A Redis of a test's own, on the loopback, without persistence: what it knew goes with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './temporary-directory.js';

export interface RedisServer {
  readonly connection: { readonly host: string; readonly port: number };
  /** Ends it, and all that it knew. */
  readonly kill: () => Promise<void>;
  /** Starts it again, at the same port. */
  readonly start: () => Promise<void>;
  /** Does something when the test ends, while it still runs; what was said last goes first. */
  readonly beforeEnd: (work: () => unknown) => void;
}

/** Starts Redis, until the test ends. */
export async function startRedis(t: TestContext): Promise<RedisServer> {
  const folder = temporaryDirectory(t);
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const endings: (() => unknown)[] = [];
  const beforeEnd = (work: () => unknown): void => void endings.unshift(work);
  t.after(async () => {
    try {
      for (const end of endings) await end();
    } finally {
      await kill();
    }
  });
  const startAt = async (port: number): Promise<boolean> => {
    const listen = ['--bind', '127.0.0.1', '--port', `${port}`];
    const forget = ['--save', '', '--appendonly', 'no', '--dir', folder];
    child = spawn('redis-server', [...listen, ...forget], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child, 'spawn');
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line.includes('Ready to accept connections')) {
        child.stdout!.resume();
        return true;
      }
    }
    return false;
  };
  for (let tries = 0; tries < 10; tries += 1) {
    const port = await freePort();
    if (!(await startAt(port))) continue;
    const start = async (): Promise<void> => {
      if (!(await startAt(port))) throw new Error(`Redis did not start again at port ${port}`);
    };
    return { connection: { host: '127.0.0.1', port }, kill, start, beforeEnd };
  }
  throw new Error('Redis did not start at ten ports');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, 'close');
  return port;
}
