/** What has failed of a group of tasks, and that the group takes no more. */
import { HoldfastError, isHoldfastError } from '../errors.js';

export class TaskFailures {
  /** Aborts with the first failure as its reason, or with the caller's own signal. */
  readonly signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #errors: unknown[] = [];
  #isClosed = false;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal ? AbortSignal.any([signal, this.#failed.signal]) : this.#failed.signal;
  }

  /**
   * The failures, first one first; what only passes on that the group was stopped is not among
   * them.
   */
  get errors(): readonly unknown[] {
    return this.#errors;
  }

  add(error: unknown): void {
    if (this.signal.aborted && passesOn(error, this.signal.reason)) return;
    if (!this.#errors.includes(error)) this.#errors.push(error);
    this.#failed.abort(error);
  }

  /** Refuses whatever comes late. */
  close(): void {
    this.#isClosed = true;
    this.#failed.abort(comesLate());
  }

  /** Throws what work that comes after {@link close} gets. */
  refuseLate(): void {
    if (this.#isClosed) throw comesLate();
  }
}

function comesLate(): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', {
    message:
      'The publish or transaction that this was to be part of has gone on, or failed. Start all work before its function has settled.',
    step: 'start',
    path: '',
  });
}

/** Whether an error only passes on the reason why the work was stopped. */
function passesOn(error: unknown, reason: unknown): boolean {
  return error === reason || (isHoldfastError(error, 'ABORTED') && error.cause === reason);
}
