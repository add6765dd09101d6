/**
 * The one error class of Holdfast and the closed table of its codes. The table also makes the documentation
 * (docs/errors.md) and the exit codes of the command line, so a code is described in one place only.
 */

/**
 * What is on disk now, after the error:
 * - `unchanged`: the target is as it was before the call.
 * - `committed`: the new state is in place and will stay; what failed came after the commit point.
 * - `unknown`: the new state may or may not survive a power loss (a directory sync failed after the rename), or
 *   Holdfast could not find out.
 */
export type Outcome = 'unchanged' | 'committed' | 'unknown';

/** Every code that a {@link HoldfastError} can carry: when it is raised, and the command line's exit status for it. */
export const errorCodes = {
  INVALID_ARGUMENT: {
    exitCode: 2,
    when: 'an argument or option is malformed, unknown or contradicts another',
  },
  NOT_FOUND: { exitCode: 3, when: 'something that the call needs to exist does not' },
  ALREADY_EXISTS: {
    exitCode: 4,
    when: 'the target exists (or is not empty) and the call was told not to replace it',
  },
  UNSUPPORTED_TARGET: {
    exitCode: 5,
    when: 'the target is a kind of file that cannot be replaced whole: a directory, FIFO, socket, device or refused symlink',
  },
  TARGET_IS_MOUNT: {
    exitCode: 5,
    when: 'the target is itself a mount point, so the kernel refuses to rename over it (EBUSY)',
  },
  DIRECTORY_NOT_WRITABLE: {
    exitCode: 5,
    when: 'the directory of the target allows no new files, and a file cannot be replaced whole without one',
  },
  CROSS_DEVICE: {
    exitCode: 5,
    when: 'a stage and its target lie on different mounts, so one rename cannot join them (EXDEV)',
  },
  UNSUPPORTED_PLATFORM: {
    exitCode: 6,
    when: 'the platform or filesystem lacks a call that the promise depends on',
  },
  NO_SPACE: {
    exitCode: 7,
    when: 'the disk or quota is full (ENOSPC, EDQUOT, or a write that took fewer bytes than given)',
  },
  IO: {
    exitCode: 7,
    when: 'the operating system refused or failed a call; its own error is the cause',
  },
  SYNC_FAILED: {
    exitCode: 7,
    when: 'fsync failed: what was written cannot be trusted to be on disk',
  },
  LOCK_TIMEOUT: { exitCode: 8, when: 'the lock was not free within the time given' },
  LOCK_NESTED: {
    exitCode: 8,
    when: 'a call chain asked for a lock that it already holds, and would have waited for itself',
  },
  LOCK_LOST: {
    exitCode: 8,
    when: 'a lock was used after it was released, or its file was replaced too often to be taken',
  },
  ABORTED: { exitCode: 130, when: "the caller's AbortSignal fired; its reason is the cause" },
  TARGET_IN_USE: {
    exitCode: 9,
    when: 'another program kept the target open in a way that forbids replacing it, for longer than a write waits (Windows)',
  },
  TARGET_CHANGED: {
    exitCode: 9,
    when: 'another program changed the target meanwhile, so the commit was given up',
  },
  CORRUPT_DOCUMENT: {
    exitCode: 10,
    when: 'a file does not hold what its format demands; it is left as it is',
  },
  UNREPRESENTABLE: { exitCode: 10, when: 'a value cannot be held by the format without loss' },
  SCHEMA_MISMATCH: { exitCode: 10, when: 'a document does not satisfy the schema given' },
  UPDATER_FAILED: { exitCode: 11, when: "the caller's own function threw; its error is the cause" },
  PATH_ESCAPES: { exitCode: 2, when: 'a path leaves the directory it must stay in' },
  PATH_CONFLICT: {
    exitCode: 2,
    when: 'two paths of one call are the same file, or one lies inside the other',
  },
  DAMAGED_JOURNAL: {
    exitCode: 12,
    when: 'a journal is not ours, or damaged in a way no crash can damage it; nothing was touched',
  },
} as const;

/** A code of {@link errorCodes}. Match on it; never on message text. */
export type ErrorCode = keyof typeof errorCodes;

/** What a {@link HoldfastError} is made of. */
export interface HoldfastErrorFields {
  /** What happened and what to do next, in whole sentences; the path and the state on disk are added by the class. */
  readonly message: string;
  /** What is on disk now. */
  readonly outcome: Outcome;
  /** The step of the protocol that failed, in its own word: `open`, `write`, `sync`, `publish`, … */
  readonly step: string;
  /** The path that the failed step was about; empty where it was about none. */
  readonly path: string;
  /** The original error, never relabelled. */
  readonly cause?: unknown;
  /** Further errors of work that ran side by side and failed too. */
  readonly others?: readonly unknown[];
}

const outcomeSentence: Record<Outcome, string> = {
  unchanged: 'Nothing was changed on disk.',
  committed: 'The new state is on disk.',
  unknown:
    'The new state may or may not survive a power loss; read it again before you rely on it.',
};

/** The error of every Holdfast operation. `code` says what happened, `outcome` says what is on disk now. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly step: string;
  readonly path: string;
  readonly others: readonly unknown[];

  constructor(code: ErrorCode, fields: HoldfastErrorFields) {
    const facts = [code, fields.step, fields.path].filter((fact) => fact !== '').join(', ');
    super(
      `${fields.message} [${facts}] ${outcomeSentence[fields.outcome]}`,
      fields.cause === undefined ? undefined : { cause: fields.cause },
    );
    this.code = code;
    this.outcome = fields.outcome;
    this.step = fields.step;
    this.path = fields.path;
    this.others = fields.others ?? [];
  }
}

/**
 * Tells whether a value is a {@link HoldfastError}, and of the given code if one is given. Also true for an error of
 * another copy of this package in the same process.
 */
export function isHoldfastError(error: unknown, code?: ErrorCode): error is HoldfastError {
  if (!(error instanceof Error) || error.name !== 'HoldfastError' || !('outcome' in error))
    return false;
  return code === undefined || (error as HoldfastError).code === code;
}

/** The `code` of an operating-system error (`ENOENT`, …), or `undefined` for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
