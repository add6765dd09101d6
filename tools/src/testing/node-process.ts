/**
 * Another Node process for tests of what processes do to each other: it runs a script and talks in
 * lines.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';

export interface NodeProcess {
  readonly child: ChildProcess;
  /** The next line that the process prints; `undefined` at its end. */
  nextLine(): Promise<string | undefined>;
  /** Ends it with SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts a script (an ES module that can import `holdfast`), whose arguments begin at
 * `process.argv[1]`. It is killed when the test ends.
 *
 * @param prefix - a command that runs it (`setpriv …`), in place of running it directly
 */
export function startScript(
  t: TestContext,
  script: string,
  args: readonly string[],
  prefix: readonly string[] = [],
): NodeProcess {
  const [program = '', ...rest] = [
    ...prefix,
    process.execPath,
    '--input-type=module',
    '--eval',
    script,
    ...args,
  ];
  const child = spawn(program, rest, {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return inLines(t, child);
}

/** A process that was started, by the lines that it prints. It is killed when the test ends. */
export function inLines(
  t: TestContext,
  child: ChildProcess & { readonly stdout: Readable },
): NodeProcess {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  t.after(kill);
  return {
    child,
    nextLine: async () => (await lines.next()).value as string | undefined,
    kill,
  };
}
