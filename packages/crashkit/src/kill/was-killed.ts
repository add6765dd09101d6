/** How the end of a killed process looks to its parent. */

/** What `spawnSync` gives, with standard error as text. */
export interface EndedProcess {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/**
 * Whether a process ended itself by SIGKILL. On Windows that is TerminateProcess, which shows as
 * status 1 and no word.
 */
export function wasKilled({ status, signal, stderr }: EndedProcess): boolean {
  if (process.platform !== 'win32') return signal === 'SIGKILL';
  return status === 1 && stderr === '';
}
