/**
 * `holdfast transaction` and `recover`: several paths changed together, and what a crash has left
 * of such a change.
 */
import { type Command } from 'commander';
import {
  HoldfastError,
  recover,
  transaction,
  type FileData,
  type JsonValue,
  type Recovery,
  type Stage,
  type Transaction,
} from 'holdfast';
import { applyJsonPatch, mergePatch, parseJson, type JsonPatchOperation } from 'holdfast/json';
import { closeQuietly, nodeFileSystem } from 'holdfast/os';
import { contentOf, copyTree } from '../copy-tree.js';
import { type LockFlags, otherLockerOptions, withOtherLockerFlags, withTimeout } from '../flags.js';
import { jsonOf, linesOf, print, shown, type Shown } from '../outputs.js';
import { overwriteSentences } from '../recoveries.js';
import { readStandardInput } from '../standard-input.js';

interface TransactionFlags extends Omit<LockFlags, 'lockFile'> {
  readonly json?: true;
}

interface RecoverFlags extends Pick<LockFlags, 'timeout'> {
  readonly dryRun?: true;
  readonly json?: true;
}

type Description = Readonly<Record<string, JsonValue>>;

/** What can be done to a path, the members that say how, and the call that does it. */
const changes: Readonly<
  Record<
    string,
    {
      readonly members: readonly string[];
      make(tx: Transaction, path: string, change: Description): Promise<void>;
    }
  >
> = {
  replaceFile: {
    members: ['data', 'base64', 'from', 'mode', 'ifExists', 'keepPrevious'],
    make: (tx, path, change) =>
      tx.replaceFile(path, dataOf(change), {
        ...(change['mode'] === undefined ? {} : { mode: octal(string(change, 'mode')) }),
        ...ifExistsOf(change),
        ...keepPreviousOf(change),
      }),
  },
  updateJson: {
    members: ['merge', 'patch', 'initial', 'keepPrevious'],
    make: (tx, path, change) =>
      tx.updateJson<JsonValue>(path, (value) => changed(value, change), {
        initial: change['initial'],
        ...keepPreviousOf(change),
      }),
  },
  publishDirectory: {
    members: ['from', 'ifExists'],
    make: (tx, path, change) =>
      tx.publishDirectory(
        path,
        (stage) => copyInto(stage, string(change, 'from')),
        ifExistsOf(change),
      ),
  },
  remove: { members: [], make: (tx, path) => tx.remove(path) },
  rename: { members: ['to'], make: (tx, path, change) => tx.rename(path, string(change, 'to')) },
};

async function copyInto(stage: Stage, from: string): Promise<void> {
  const directory = await nodeFileSystem.openDirectory(stage.at('.'));
  try {
    await copyTree(from, directory);
  } finally {
    await closeQuietly(directory);
  }
}

/** Adds the commands to the program. */
export function addTransactionCommands(program: Command): void {
  addTransaction(program);
  addRecover(program);
}

function addTransaction(program: Command): void {
  const command = program
    .command('transaction')
    .description(
      'Make several changes below a directory, all of them or none, also when the machine dies meanwhile.\n\n' +
        'Standard input holds the changes as a JSON array, one object a change, each with one of these members, the ' +
        'path below ROOT, and what is beside it:\n\n' +
        '  replaceFile       data (text), base64, or from (a file to copy);\n' +
        '                    mode ("644"), ifExists ("fail"), keepPrevious (a number)\n' +
        '  updateJson        merge (RFC 7396) or patch (RFC 6902); initial, keepPrevious\n' +
        '  publishDirectory  from (a directory to copy); ifExists ("replace")\n' +
        '  remove\n' +
        '  rename            to',
    )
    .argument('<root>', 'the directory that all paths lie in');
  withOtherLockerFlags(command)
    .option('--json', 'print the number of changes as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast transaction /srv/app <<'END'
  [ { "publishDirectory": "site", "from": "build", "ifExists": "replace" },
    { "updateJson": "state.json", "merge": { "release": 42 } },
    { "remove": "maintenance" } ]
  END
  echo '[{"rename": "draft", "to": "final"}]' | holdfast transaction . --timeout 5`,
    )
    .action(runTransaction);
}

async function runTransaction(root: string, flags: TransactionFlags): Promise<void> {
  const list = describedChanges(await readStandardInput());
  const makeAll = async (tx: Transaction): Promise<void> => {
    for (const change of list) await makeChange(tx, change);
  };
  await transaction(root, makeAll, otherLockerOptions(flags));
  if (flags.json) print(jsonOf({ root, changes: list.length }, 2));
}

function describedChanges(text: string): readonly Description[] {
  const value = parseJson(text, 'standard input');
  if (!Array.isArray(value) || !value.every(isDescription)) {
    throw malformed('standard input must hold a JSON array of objects, one object a change');
  }
  for (const change of value) checkMembers(change);
  return value;
}

function isDescription(value: JsonValue): value is Description & JsonValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Before anything is staged, so that a misspelt member stops everything at once. */
function checkMembers(change: Description): void {
  const kind = kindOf(change);
  const known = [kind, ...(changes[kind]?.members ?? [])];
  const unknown = Object.keys(change).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw malformed(`${kind} has no member '${unknown}'; it knows ${known.join(', ')}`);
  }
  string(change, kind);
}

async function makeChange(tx: Transaction, change: Description): Promise<void> {
  const kind = kindOf(change);
  await changes[kind]?.make(tx, string(change, kind), change);
}

function kindOf(change: Description): string {
  const [kind, another] = Object.keys(changes).filter((name) => name in change);
  if (kind !== undefined && another === undefined) return kind;
  const names = Object.keys(changes).join(', ');
  throw malformed(`a change has exactly one of ${names}: ${JSON.stringify(change)}`);
}

/** Anything but a number is for the library to refuse. */
function keepPreviousOf(change: Description): { readonly keepPrevious: number | undefined } {
  return { keepPrevious: change['keepPrevious'] as number | undefined };
}

function dataOf(change: Description): FileData {
  const given = ['data', 'base64', 'from'].filter((name) => name in change);
  if (given.length !== 1) throw malformed('replaceFile needs one of data, base64 and from');
  if ('data' in change) return string(change, 'data');
  if ('base64' in change) return bytesOf(string(change, 'base64'));
  return contentOf(string(change, 'from'));
}

/** Buffer.from passes over what is no base64, and would give other bytes than were meant. */
function bytesOf(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64');
  const digits = base64
    .replace(/\s|=+$/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/');
  if (bytes.toString('base64').replace(/=+$/, '') === digits) return bytes;
  throw malformed('base64 holds characters that are none of its digits, or ends in the middle');
}

function changed(value: JsonValue, change: Description): JsonValue {
  const { merge, patch } = change;
  if ((merge === undefined) === (patch === undefined)) {
    throw malformed('updateJson needs one of merge and patch');
  }
  if (merge !== undefined) return mergePatch(value, merge);
  return applyJsonPatch(value, patch as unknown as readonly JsonPatchOperation[]);
}

function ifExistsOf(change: Description): { readonly ifExists?: 'fail' | 'replace' } {
  const { ifExists } = change;
  if (ifExists === undefined) return {};
  if (ifExists === 'fail' || ifExists === 'replace') return { ifExists };
  throw malformed("ifExists is 'fail' or 'replace'");
}

function string(change: Description, name: string): string {
  const value = change[name];
  if (typeof value === 'string') return value;
  throw malformed(`'${name}' must be a string: ${JSON.stringify(change)}`);
}

function octal(digits: string): number {
  if (/^[0-7]{3,4}$/.test(digits)) return Number.parseInt(digits, 8);
  throw malformed(`mode is three or four octal digits, not '${digits}'`);
}

function malformed(message: string): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', {
    message: `The description of the transaction is malformed: ${message}.`,
    step: 'read description',
    path: 'standard input',
  });
}

function addRecover(program: Command): void {
  const command = program
    .command('recover')
    .description(
      'Bring a transaction whose process died to its end: finish it if it was committed, forget it if it was not.\n\n' +
        'An overwrite of a file in the directory (--in-place) whose process died is finished, too. ' +
        'Every other use of Holdfast below the directory does the same first; this shows what was found. It may be ' +
        'killed and run again.',
    )
    .argument('<root>', 'the directory that was given to the transaction')
    .option('--dry-run', 'only say what would be done');
  withTimeout(command)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  holdfast recover /srv/app --dry-run
  holdfast recover /srv/app --json`,
    )
    .action(runRecover);
}

async function runRecover(root: string, flags: RecoverFlags): Promise<void> {
  const dryRun = flags.dryRun ?? false;
  const { timeoutMs } = otherLockerOptions(flags);
  const recovery = await recover(root, {
    dryRun,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  print(flags.json ? jsonOf({ ...recovery, dryRun }, 2) : describe(recovery, dryRun));
}

function describe(recovery: Recovery, dryRun: boolean): Shown {
  const { root, journal, overwrites } = recovery;
  const overwritten = overwrites.map(
    ({ path, state }) => shown`  overwrite ${path}: ${overwriteSentences[state]}`,
  );
  if (journal !== 'none') return linesOf([describeTransaction(recovery, dryRun), ...overwritten]);
  return overwrites.length === 0
    ? shown`${root}: nothing to recover`
    : linesOf([shown`${root}: files that were being overwritten`, ...overwritten]);
}

function describeTransaction({ root, journal, changes: list }: Recovery, dryRun: boolean): Shown {
  if (journal === 'torn')
    return shown`${root}: a torn journal ${dryRun ? 'is to be' : 'was'} thrown away`;
  const lines = list.map(({ kind, path, state, displacedTo }) => {
    const aside = displacedTo === undefined ? '' : `; what was in the way is now ${displacedTo}`;
    return shown`  ${kind} ${path}: ${stateSentences[state]}${aside}`;
  });
  return linesOf([
    shown`${root}: a committed transaction ${dryRun ? 'is to be' : 'was'} finished`,
    ...lines,
  ]);
}

const stateSentences = {
  pending: 'to be made',
  made: 'made',
  alreadyMade: 'had been made before',
  superseded: 'another program has put something else there, which was left alone',
} as const;
