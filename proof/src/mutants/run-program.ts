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
  const child = spawn(process.execPath, args, { stdio: 'pipe' });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
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
