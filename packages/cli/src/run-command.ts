/**
 * Runs a program with the terminal of this one, and hands on the signals that would end this one.
 */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { constants } from 'node:os';

/** The program could not be started, failed, or was ended by a signal. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  /** What a shell would give as `$?`. */
  readonly exitStatus: number;

  constructor(message: string, exitStatus: number) {
    super(message);
    this.exitStatus = exitStatus;
  }
}

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
// exit statuses of POSIX shells (sh(1), "Exit status for commands").
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const ENDED_BY_SIGNAL = 128;

/**
 * Resolves when the command has ended with status 0; otherwise rejects with {@link CommandFailed}.
 *
 * @param output - where its standard output goes: to ours, or to our standard error when ours is
 *   kept for a result
 */
export async function runCommand(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  output: 'stdout' | 'stderr',
): Promise<void> {
  const [program = '', ...rest] = command;
  let child: ChildProcess | undefined;
  const forward = (signal: NodeJS.Signals): void => void child?.kill(signal);
  // Before the program starts: a signal in between would end this process and leave the program
  // alone.
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    child = start(program, rest, {
      stdio: ['inherit', output === 'stderr' ? process.stderr : 'inherit', 'inherit'],
      env: environment,
    });
    await endOf(child, program);
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

/** What Node refuses before it asks the kernel, an empty name for one, it throws. */
function start(program: string, rest: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return spawn(program, rest, options);
  } catch (error) {
    throw cannotBeRun(program, error as NodeJS.ErrnoException);
  }
}

function cannotBeRun(program: string, error: NodeJS.ErrnoException): CommandFailed {
  const status = error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE;
  return new CommandFailed(`'${program}' cannot be run: ${error.message}`, status);
}

function endOf(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(cannotBeRun(program, error)));
    child.once('exit', (status, signal) => {
      if (status === 0) resolve();
      else if (signal) {
        const number = ENDED_BY_SIGNAL + constants.signals[signal];
        reject(new CommandFailed(`'${program}' was ended by ${signal}`, number));
      } else reject(new CommandFailed(`'${program}' ended with status ${status}`, status ?? 1));
    });
  });
}
