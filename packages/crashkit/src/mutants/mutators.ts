/**
 * Takes out of compiled code, one at a time, what keeps data safe. Each place is found by its form, and named by file,
 * kind and its own text, so that a name stays when code around it moves.
 */

export interface Mutant {
  /** `stage/staged-file.js: fsync: await file.sync()`, with a number where a file has the same text twice. */
  readonly name: string;
  readonly kind: string;
  /** Relative to the folder of compiled code. */
  readonly file: string;
  /** The whole file with the one change. */
  readonly source: string;
}

interface Mutator {
  readonly kind: string;
  readonly pattern: RegExp;
  /** What stands in its place. */
  readonly becomes: (match: string) => string;
}

const mutators: readonly Mutator[] = [
  {
    kind: 'fsync',
    pattern: /(?<![\w.#])(?!dir|parent)[\w.#]+\.(?:sync|dataSync)\(\)/gi,
    becomes: () => 'Promise.resolve()',
  },
  {
    kind: 'directory sync',
    pattern: /(?<!\.)\b(?:this\.)?#?(?:dir|parent)\w*\.sync\(\)/gi,
    becomes: () => 'Promise.resolve()',
  },
  {
    kind: 'filesystem sync',
    pattern: /(?<!\.)\b(?:this\.)?#?[\w.]+\.syncFilesystem\(\)/g,
    becomes: () => 'Promise.resolve()',
  },
  {
    kind: 'call of a sync',
    pattern: /(?<!function )(?<!\.)\bawait sync[A-Z]\w*\([^;{]*\)(?=;)/g,
    becomes: () => 'undefined',
  },
  {
    kind: 'count check',
    pattern:
      /if \([^;{]*(?:[cC]ount|[bB]ytes|written|taken)\w* (?:!==|<) [^;{]*\)(?=\s+(?:\{\s+)?throw)/g,
    becomes: () => 'if (false)',
  },
  {
    kind: 'count check',
    pattern: /if \(\w+ === \w+\.length\)(?=\s+return;)/g,
    becomes: () => 'if (true)',
  },
  {
    kind: 'settle barrier',
    pattern: /await [\w.#]*(?:group|tasks?|writers?)\w*\.(?:close|settled|drain|end)\(\)/gi,
    becomes: () => 'undefined',
  },
  {
    kind: 'settle barrier',
    pattern: /Promise\.allSettled\(/g,
    becomes: () => 'Promise.all(',
  },
  {
    kind: 'lock',
    pattern: /[\w.#]+\.tryLock\([^)]*\)/g,
    becomes: () => 'true',
  },
  {
    kind: 'inode check',
    pattern: /(\w+)\.ino === (\w+)\.ino && \1\.dev === \2\.dev/g,
    becomes: () => 'true',
  },
  {
    kind: 'lock still held',
    pattern: /await [\w.#]+\.assertHeld\(\)/g,
    becomes: () => 'undefined',
  },
  {
    kind: 'lock',
    pattern: /withLock\(\w+, \(\) => (\w+\([\w, ]*\)), \{[^{}]*\}\)/g,
    becomes: (match) => /=> (\w+\([\w, ]*\))/.exec(match)?.[1] ?? match,
  },
  {
    kind: 'durability',
    pattern: /(?<=\{ )durability = 'durable'/g,
    becomes: () => "durability = 'atomic'",
  },
  {
    kind: 'pending commit',
    pattern: /(?<!function )\bisCommit(?:Pending|ted)\([^()]*\)/g,
    becomes: () => 'false',
  },
  {
    kind: 'repair',
    pattern: /await [\w.#]+\.truncate\([^()]*\)/g,
    becomes: () => 'undefined',
  },
  {
    kind: 'checksum',
    pattern: /checksumOf\(\w+\) === \w+/g,
    becomes: () => 'true',
  },
  {
    kind: 'checksum',
    pattern: /!checksumOf\(\w+\)\.startsWith\([^)]*\)/g,
    becomes: () => 'false',
  },
  {
    kind: 'count check',
    pattern: /if \(\w+ === 0\)(?=\s+throw)/g,
    becomes: () => 'if (false)',
  },
];

/** Calls that change names or make them durable: their order matters. */
const ordered = /rename|publish|swing|exchange|sync|unlink|remove|apply|roll|retire/i;

/** Every mutant of one file. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const replaced = mutators.flatMap((mutator) => replacements(file, source, mutator));
  return numbered([...replaced, ...swaps(file, source)]);
}

function replacements(file: string, source: string, { kind, pattern, becomes }: Mutator): Mutant[] {
  return [...source.matchAll(pattern)]
    .filter((match) => !isComment(source, match.index))
    .map((match) => {
      const [text] = match;
      const mutated =
        source.slice(0, match.index) + becomes(text) + source.slice(match.index + text.length);
      return { name: `${file}: ${kind}: ${oneLine(text)}`, kind, file, source: mutated };
    });
}

/** Two awaited calls in a row, the other way round. */
function swaps(file: string, source: string): Mutant[] {
  const lines = source.split('\n');
  return lines.flatMap((line, index) => {
    const next = lines[index + 1] ?? '';
    if (!isOrderedCall(line) || !isOrderedCall(next)) return [];
    const swapped = [...lines.slice(0, index), next, line, ...lines.slice(index + 2)];
    const kind = 'order';
    const name = `${file}: ${kind}: ${line.trim()} ${next.trim()}`;
    return [{ name, kind, file, source: swapped.join('\n') }];
  });
}

function isOrderedCall(line: string): boolean {
  return /^\s*await [^{]*;$/.test(line) && ordered.test(line);
}

function isComment(source: string, index: number): boolean {
  const line = source.slice(source.lastIndexOf('\n', index) + 1, index).trimStart();
  return line.startsWith('*') || line.startsWith('//') || line.startsWith('/*');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

function numbered(mutants: readonly Mutant[]): Mutant[] {
  const times = new Map<string, number>();
  return mutants.map((mutant) => {
    const time = (times.get(mutant.name) ?? 0) + 1;
    times.set(mutant.name, time);
    return time === 1 ? mutant : { ...mutant, name: `${mutant.name} (${time})` };
  });
}
