/** Daemons of other people, for as long as a test needs them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { inLines } from '@holdfast/tools/testing';

export interface Daemon {
  /** What the line said by which it was known to work. */
  readonly said: RegExpExecArray;
  /** Ends it with SIGTERM, so that it ends what it has started, and waits for that. */
  stop(): Promise<void>;
}

/**
 * Starts a program that runs on, and waits for a line of it, on standard output or standard error;
 * `undefined` when it ends before. At the end of the test it is stopped, unless it was.
 */
export async function startDaemon(
  t: TestContext,
  command: readonly string[],
  { env, ready }: { readonly env: NodeJS.ProcessEnv; readonly ready: RegExp },
): Promise<Daemon | undefined> {
  const child = spawn('sh', ['-c', 'exec "$@" 2>&1', 'sh', ...command], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  };
  t.after(stop);
  const lines = inLines(t, child);
  for (let line = await lines.nextLine(); line !== undefined; line = await lines.nextLine()) {
    const said = ready.exec(line);
    if (!said) continue;
    // What it says from now on must not wait until it is read.
    void (async () => {
      while ((await lines.nextLine()) !== undefined);
    })();
    return { said, stop };
  }
  return undefined;
}
