/**
 * The one error class of Holdfast and the closed table of its codes. The table also makes the
 * documentation (docs/errors.md) and the exit codes of the command line, so a code is described in
 * one place only.
 */

/**
 * What is on disk now, after the error:
 * - `unchanged`: the target is as it was before the call.
 * - `committed`: the new state is in place and will stay; what failed came after the commit point.
 * - `unknown`: the new state may or may not survive a power loss (a directory sync failed after the
 *   rename), or Holdfast could not find out; in an object store a request may still arrive.
 */
export type Outcome = 'unchanged' | 'committed' | 'unknown';

/**
 * Every code that a {@link HoldfastError} can carry: when it is raised, what to do, and the command
 * line's exit status for it. The message of an error says more.
 */
export const errorCodes = {
  INVALID_ARGUMENT: {
    exitCode: 2,
    when: 'an argument or option is malformed, unknown or contradicts another',
    remedy: 'correct the argument that the message names',
  },
  NOT_FOUND: {
    exitCode: 3,
    when: 'something that the call needs to exist does not',
    remedy:
      'make what is missing, or correct the path; of directories, only `updateJson` and its kin make that of their document',
  },
  ALREADY_EXISTS: {
    exitCode: 4,
    when: 'the target exists (or is not empty) and the call was told not to replace it',
    remedy: 'allow the replacement, or take another name',
  },
  UNSUPPORTED_TARGET: {
    exitCode: 5,
    when: 'the target is a kind of file that cannot be replaced whole: a directory, FIFO, socket, device or refused symlink',
    remedy: 'name a regular file, without a slash at the end; for a directory publish it',
  },
  TARGET_IS_MOUNT: {
    exitCode: 5,
    when: 'the target is itself a mount point, so the kernel refuses to rename over it (EBUSY)',
    remedy: 'mount the directory of the file in place of the file, or allow an overwrite in place',
  },
  NAME_TAKEN: {
    exitCode: 5,
    when: 'a name that Holdfast keeps for itself has something else: a symlink, FIFO, device or directory, or a file of another user; it was neither followed nor touched',
    remedy: 'look at what has the name; remove it, or move it away',
  },
  DIRECTORY_NOT_WRITABLE: {
    exitCode: 5,
    when: 'the directory of the target allows no new files, and a file cannot be replaced whole without one',
    remedy:
      'give this user the right to make files there, mount the filesystem for writing, or allow an overwrite in place',
  },
  CROSS_DEVICE: {
    exitCode: 5,
    when: 'a rename that the kernel cannot make (EXDEV): between mounts, or of a directory from a lower layer of an overlay',
    remedy: 'keep both paths on one mount',
  },
  UNSUPPORTED_PLATFORM: {
    exitCode: 6,
    when: 'the platform, filesystem or object store lacks what the promise depends on',
    remedy: 'keep the file where that works; `holdfast doctor` shows where it does',
  },
  NO_SPACE: {
    exitCode: 7,
    when: 'the disk or quota is full (ENOSPC, EDQUOT, or a write that took fewer bytes than given)',
    remedy: 'free space (`df -h`), inodes (`df -i`) or quota, then try again',
  },
  IO: {
    exitCode: 7,
    when: 'the operating system refused or failed a call; its own error is the cause',
    remedy: 'look at the cause: rights, limits, the disk and its log (`dmesg`)',
  },
  STORE_FAILED: {
    exitCode: 7,
    when: 'an object store or a web server refused a request, or could not be reached; its own answer is the cause',
    remedy:
      'look at the cause: credentials, rights, the clock, the region, the endpoint, the network',
  },
  SYNC_FAILED: {
    exitCode: 7,
    when: 'fsync failed: what was written cannot be trusted to be on disk',
    remedy: 'check the disk, then read the file again before anything relies on it',
  },
  LOCK_TIMEOUT: {
    exitCode: 8,
    when: 'the lock was not free within the time given',
    remedy: 'wait longer, or end what holds the lock',
  },
  LOCK_NESTED: {
    exitCode: 8,
    when: 'a call chain asked for a lock that it already holds, and would have waited for itself',
    remedy: 'call it outside of the lock, or use the lock that is held',
  },
  LOCK_LOST: {
    exitCode: 8,
    when: 'a lock was used after it was released, or its file was replaced too often to be taken',
    remedy: 'leave the lock file where it is, and take the lock again',
  },
  ABORTED: {
    exitCode: 130,
    when: "the caller's AbortSignal fired; its reason is the cause",
    remedy: 'nothing',
  },
  TARGET_IN_USE: {
    exitCode: 9,
    when: 'another program kept the target open in a way that forbids replacing it, for longer than a write waits (Windows)',
    remedy: 'close the file in the other program, then try again',
  },
  TARGET_CHANGED: {
    exitCode: 9,
    when: 'another program changed the target meanwhile, so the commit was given up',
    remedy: 'look at what the other program did, then call again',
  },
  CORRUPT_DOCUMENT: {
    exitCode: 10,
    when: 'a file does not hold what its format demands; it is left as it is',
    remedy: 'repair the file, or restore a version of it; of a log, `repairRecords`',
  },
  UNREPRESENTABLE: {
    exitCode: 10,
    when: 'a value cannot be held by the format without loss',
    remedy: 'give what the format can hold; the message names the place',
  },
  SCHEMA_MISMATCH: {
    exitCode: 10,
    when: 'a document does not satisfy the schema given',
    remedy: 'correct the document, or the schema',
  },
  UPDATER_FAILED: {
    exitCode: 11,
    when: "the caller's own function threw; its error is the cause",
    remedy: 'look at the cause, which is the error of that function',
  },
  PATH_ESCAPES: {
    exitCode: 2,
    when: 'a path leaves the directory it must stay in',
    remedy: 'name a path inside',
  },
  PATH_CONFLICT: {
    exitCode: 2,
    when: 'two paths of one call are the same file, or one lies inside the other',
    remedy: 'name each file once',
  },
  PARTS_MISSING: {
    exitCode: 4,
    when: 'a commit found parts that are not done, or whose files are not as their record says; the session is open as before',
    remedy: 'write the parts that the message names, then commit again',
  },
  PART_DIFFERS: {
    exitCode: 10,
    when: 'two attempts at one part have made different bytes; the first one counts',
    remedy:
      'let a part make the same of the same input: no times, random numbers or versions in it',
  },
  SESSION_GONE: {
    exitCode: 3,
    when: 'the session of a target was committed, abandoned or never begun, so that no part can join it',
    remedy: 'do not try again; begin another session if the target is still to be made',
  },
  DAMAGED_JOURNAL: {
    exitCode: 12,
    when: 'a journal is not ours, or damaged in a way no crash can damage it; nothing was touched',
    remedy: 'look at the journal that the message names, and move it away',
  },
} as const;

/** A code of {@link errorCodes}. Match on it; never on message text. */
export type ErrorCode = keyof typeof errorCodes;

/** What a {@link HoldfastError} is made of. */
export interface HoldfastErrorFields {
  /**
   * What happened and what to do next, in whole sentences; a full stop that is missing at the end,
   * the path and the state on disk are added by the class.
   */
  readonly message: string;
  /** What is on disk now; `unchanged` by default. */
  readonly outcome?: Outcome | undefined;
  /**
   * The step of the protocol that failed, in its own word: `open`, `write`, `sync`, `publish`, …
   */
  readonly step: string;
  /** The path that the failed step was about; empty where it was about none. */
  readonly path: string;
  /** The original error, never relabelled. */
  readonly cause?: unknown;
  /** Further errors of work that ran side by side and failed too. */
  readonly others?: readonly unknown[] | undefined;
}

const onDisk: Record<Outcome, string> = {
  unchanged: 'Nothing was changed on disk.',
  committed: 'The new state is on disk.',
  unknown:
    'The new state may or may not survive a power loss; read it again before you rely on it.',
};

const inStore: Record<Outcome, string> = {
  unchanged: 'Nothing was changed in the store.',
  committed: 'The new state is in the store.',
  unknown:
    'The new state may be in the store, or get there late; read it again before you rely on it.',
};

/**
 * The error of every Holdfast operation. `code` says what happened, `outcome` says what is on disk
 * now.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly step: string;
  readonly path: string;
  readonly others: readonly unknown[];

  constructor(code: ErrorCode, fields: HoldfastErrorFields) {
    const { message, outcome = 'unchanged' } = fields;
    const now = (fields.path.startsWith('s3://') ? inStore : onDisk)[outcome];
    const facts = [code, fields.step, fields.path].filter((fact) => fact !== '').join(', ');
    super(
      `${/[.!?\u2026]$/u.test(message) ? message : `${message}.`} [${facts}] ${now}`,
      fields.cause === undefined ? undefined : { cause: fields.cause },
    );
    this.code = code;
    this.outcome = outcome;
    this.step = fields.step;
    this.path = fields.path;
    this.others = fields.others ?? [];
  }
}

/**
 * Tells whether a value is a {@link HoldfastError}, and of the given code if one is given. Also
 * true for an error of another copy of this package in the same process.
 */
export function isHoldfastError(error: unknown, code?: ErrorCode): error is HoldfastError {
  if (!isError(error) || error.name !== 'HoldfastError' || !('outcome' in error)) return false;
  return code === undefined || (error as HoldfastError).code === code;
}

/**
 * Tells whether a value is an error, whichever realm made it: the errors of Node's own modules are
 * no `instanceof Error` in a vm context, as Jest and jsdom make them.
 */
export function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  const { name, message } = value as Partial<Error>;
  return typeof name === 'string' && typeof message === 'string';
}

/** What a thrown value says. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown);
}

/** The `code` of an operating-system error (`ENOENT`, …), or `undefined` for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (!isError(error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
