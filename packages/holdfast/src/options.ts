/** Checks that every option is a plain object with known names, so that a misspelt option never passes in silence. */
import { HoldfastError } from './errors.js';

/**
 * Refuses anything but a plain object that holds only known option names.
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
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const hint = near ? `did you mean '${near}'?` : `it knows ${known.join(', ')}.`;
    throw invalidArgument(call, `${call} has no option '${name}': ${hint}`);
  }
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
