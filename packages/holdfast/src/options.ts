/**
 * Checks that options are a plain object with known names, so that a misspelt option never passes
 * in silence; and what options hold that mean the same in every call.
 */
import { nameOfCall } from './call-name.js';
import { HoldfastError } from './errors.js';

/** The names that options have by their type: a list of them cannot name one that is not there. */
export type NamesOf<Options> = Options extends unknown ? keyof Options & string : never;

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
 * Refuses anything but a plain object that holds only known option names, and of the options that
 * many calls share what none of them can use.
 *
 * @param call - the public function, for the message
 * @throws HoldfastError INVALID_ARGUMENT, with the nearest known name
 */
export function checkOptions<Options extends object>(
  call: string,
  options: Options | undefined,
  known: readonly NamesOf<Options>[],
): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidArgument(call, `the options of ${nameOfCall(call)} must be an object`);
  }
  for (const name of Object.keys(options)) {
    if ((known as readonly string[]).includes(name)) {
      checkCommon(call, name, (options as Readonly<Record<string, unknown>>)[name]);
      continue;
    }
    const near = nearest(name, known);
    const hint = near ? `did you mean '${near}'?` : `it knows ${known.join(', ')}.`;
    throw invalidArgument(call, `${nameOfCall(call)} has no option '${name}': ${hint}`);
  }
}

function checkCommon(call: string, name: string, value: unknown): void {
  const common = commonOptions[name];
  if (value === undefined || common === undefined) return;
  const [isFit, wanted] = common;
  if (!isFit(value)) throw invalidArgument(call, `${name} is ${wanted}`);
}

/** Options, each with its default where nothing was given. */
export function withDefaults<D extends object>(
  options: { readonly [Name in keyof D]?: D[Name] | undefined },
  defaults: D,
): D {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/** Refuses an option that is none of the words that it may be. */
export function checkWords(
  call: string,
  path: string,
  options: object,
  words: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [name, known] of Object.entries(words)) {
    const value = (options as Readonly<Record<string, string | undefined>>)[name];
    if (value === undefined || known.includes(value)) continue;
    const quoted = known.map((word) => `'${word}'`);
    const all = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
    throw invalidArgument(call, `${name} is ${all}, not '${value}'`, path);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/**
 * @throws HoldfastError INVALID_ARGUMENT for what no filesystem can take for a path, and for a URL:
 *   POSIX would take `s3://bucket/key` for a folder `s3:`
 */
export function checkPath(call: string, path: unknown): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw invalidArgument(
      call,
      'a path is a string that is not empty and holds no NUL',
      typeof path === 'string' ? path : '',
    );
  }
  const [, scheme] = SCHEME.exec(path) ?? [];
  if (scheme !== undefined) throw invalidArgument(call, notAPath(scheme.toLowerCase()), path);
}

/**
 * The beginning of a URL with an authority (RFC 3986 sections 3.1 and 3.2). A single letter is a
 * drive of Windows.
 */
const SCHEME = /^([a-z][a-z0-9+.-]+):\/\//i;

function notAPath(scheme: string): string {
  const other = `A folder that is named so is meant by './${scheme}:/…'.`;
  if (scheme === 'file') {
    return `this call takes a path, and no URL: give what fileURLToPath of node:url makes of it. ${other}`;
  }
  if (scheme === 's3') {
    return (
      'this call reaches filesystems alone, and s3:// is an object store: install @holdfast/objectstore ' +
      `(npm install @holdfast/objectstore), which has calls for documents there. ${other}`
    );
  }
  return (
    `this call reaches filesystems alone, and no ${scheme}:// address. Name a file; for objects of a store that speaks S3 ` +
    `install @holdfast/objectstore (npm install @holdfast/objectstore). ${other}`
  );
}

/** The error for an argument that the caller got wrong; nothing has been touched. */
export function invalidArgument(call: string, message: string, path = ''): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', { message, step: nameOfCall(call), path });
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
