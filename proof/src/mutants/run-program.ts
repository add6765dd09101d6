/** Runs a Node program to its end, or for as long as it may take. */
import { spawn } from 'node:child_process';

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
  /** It was still running when its time was over. */
  readonly hangs: boolean;
}

export function runProgram(
  args: readonly string[],
  stdin: string,
  timeoutMs: number,
): Promise<Ended> {
  // A group of its own: what the program has started goes with it, and keeps no pipe open.
  const child = spawn(process.execPath, args, { stdio: 'pipe', detached: true });
  const timer = setTimeout(() => killGroup(child.pid), timeoutMs);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, status, hangs: signal === 'SIGKILL' });
    });
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has come to its end meanwhile.
  }
}
