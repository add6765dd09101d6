/**
 * Checks that options are a plain object with known names, so that a misspelt option never passes in silence; and what
 * options hold that mean the same in every call.
 */
import { HoldfastError } from './errors.js';

/** What may be given as an option of these names, and how to say it. */
const commonOptions: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  timeoutMs: [
    (value) => typeof value === 'number' && value >= 0,
    'a number of milliseconds, 0 or more',
  ],
  signal: [(value) => isObject(value) && 'addEventListener' in value, 'an AbortSignal'],
  fs: [isObject, 'a filesystem (Fs)'],
};

/**
 * Refuses anything but a plain object that holds only known option names, and of the options that many calls share what
 * none of them can use.
 *
 * @param call - the public function, for the message
 * @throws HoldfastError INVALID_ARGUMENT, with the nearest known name
 */
export function checkOptions(
  call: string,
  options: object | undefined,
  known: readonly string[],
): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidArgument(call, `the options of ${call} must be an object`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) {
      checkCommon(call, name, (options as Readonly<Record<string, unknown>>)[name]);
      continue;
    }
    const near = nearest(name, known);
    const hint = near ? `did you mean '${near}'?` : `it knows ${known.join(', ')}.`;
    throw invalidArgument(call, `${call} has no option '${name}': ${hint}`);
  }
}

function checkCommon(call: string, name: string, value: unknown): void {
  const common = commonOptions[name];
  if (value === undefined || common === undefined) return;
  const [isFit, wanted] = common;
  if (!isFit(value)) throw invalidArgument(call, `${name} is ${wanted}`);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** @throws HoldfastError INVALID_ARGUMENT for what no filesystem can take for a path */
export function checkPath(call: string, path: unknown): void {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return;
  throw invalidArgument(
    call,
    'a path is a string that is not empty and holds no NUL',
    typeof path === 'string' ? path : '',
  );
}

/** The error for an argument that the caller got wrong; nothing has been touched. */
export function invalidArgument(call: string, message: string, path = ''): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', { message, outcome: 'unchanged', step: call, path });
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({
      candidate,
      distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
    }))
    .toSorted((a, b) => a.distance - b.distance)[0];
  return ranked && ranked.distance <= Math.max(2, name.length / 3) ? ranked.candidate : undefined;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
