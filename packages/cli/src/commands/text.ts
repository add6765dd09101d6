/**
 * `holdfast env`, `toml`, `yaml`: read and change a document that has comments, under its lock,
 * from a shell.
 */
import type { Command } from 'commander';
import {
  HoldfastError,
  readEnv,
  readToml,
  readYaml,
  TomlDate,
  updateEnv,
  updateToml,
  updateYaml,
  type JsonValue,
  type OnEmpty,
  type UpdateOptions,
  type Updater,
} from 'holdfast';
import { deleteAt, getAt, parseJson, setAt } from 'holdfast/json';
import {
  type InPlaceFlag,
  type SetAsideFlags,
  inPlaceOption,
  setAsideOptions,
  withSetAsideFlags,
  keepOptions,
  type KeepFlags,
  type LockFlags,
  lockOptions,
  onCorruptOf,
  onEmptyOption,
  restoreOption,
  withKeepFlags,
  withLockFlags,
} from '../flags.js';
import { jsonOf, print, resultOf } from '../outputs.js';

interface DocumentCommand {
  readonly name: 'env' | 'toml' | 'yaml';
  /** In the help. */
  readonly file: string;
  readonly place: string;
  readonly examples: readonly [get: string, set: string, remove: string];
  readonly read: (path: string) => Promise<unknown>;
  readonly update: (
    path: string,
    updater: Updater<unknown>,
    options: UpdateOptions<unknown>,
  ) => Promise<unknown>;
}

const pointer = "place in the document, a JSON Pointer: /server/port, '' for the whole";

const documents: readonly DocumentCommand[] = [
  {
    name: 'env',
    file: 'a .env file',
    place: "a variable, as a JSON Pointer: /NAME; '' for all",
    examples: ['get .env /DATABASE_URL --raw', 'set .env /PORT --string 8080', 'delete .env /OLD'],
    read: (path) => readEnv(path),
    update: updateEnv as DocumentCommand['update'],
  },
  {
    name: 'toml',
    file: 'a TOML document',
    place: pointer,
    examples: [
      'get Cargo.toml /package/version --raw',
      'set pyproject.toml /project/dependencies/- --string numpy',
      'delete Cargo.toml /dependencies/old',
    ],
    read: (path) => readToml(path),
    update: updateToml,
  },
  {
    name: 'yaml',
    file: 'a YAML document',
    place: pointer,
    examples: [
      'get compose.yaml /services/web/image --raw',
      'set compose.yaml /services/web/ports/- --string 8080:80',
      'delete compose.yaml /services/old',
    ],
    read: (path) => readYaml(path),
    update: updateYaml,
  },
];

interface ChangeFlags extends InPlaceFlag, LockFlags, KeepFlags, SetAsideFlags {
  readonly onEmpty?: OnEmpty;
  readonly restore?: true;
  readonly secret?: true;
}

/** Adds the commands to the program. */
export function addTextCommands(program: Command): void {
  for (const document of documents) addDocument(program, document);
}

function addDocument(program: Command, document: DocumentCommand): void {
  const { name, file, place, examples } = document;
  const example = (index: 0 | 1 | 2): string =>
    `\nExamples:\n  holdfast ${name} ${examples[index]}`;
  const group = program
    .command(name)
    .description(`Read or change ${file}; comments and layout stay, no change is lost.`);
  group
    .command('get')
    .description('Print all of it, or a place in it, as JSON. Exit status 3 when it is not there.')
    .argument('<file>')
    .argument('[pointer]', place, '')
    .option('--raw', 'print a string as it is, without quotes')
    .addHelpText('after', example(0))
    .action((path: string, at: string, flags: { readonly raw?: true }) =>
      get(document, path, at, flags),
    );
  withChangeFlags(
    group
      .command('set')
      .description('Put a value at a place; a new one comes last. - appends to an array.')
      .argument('<file>')
      .argument('<pointer>', place)
      .argument('<value>', 'the value as JSON, or with --string as it is')
      .option('--string', 'take the value as a string')
      .option('--secret', 'a file of this user and for nobody else (mode 0600)'),
  )
    .addHelpText('after', example(1))
    .action((path: string, at: string, given: string, flags: ChangeFlags & { string?: true }) => {
      const value = flags.string ? given : parseJson(given, 'VALUE (--string takes it as it is)');
      return change(document, path, flags, (whole) =>
        setAt(whole, at, likeThere(whole, at, value)),
      );
    });
  withChangeFlags(
    group
      .command('delete')
      .description('Take places out of the file. Exit status 3 when one is not there.')
      .argument('<file>')
      .argument('<pointer...>', place),
  )
    .addHelpText('after', example(2))
    .action((path: string, pointers: readonly string[], flags: ChangeFlags) =>
      change(document, path, flags, (whole) => pointers.reduce<JsonValue>(deleteAt, whole)),
    );
}

function withChangeFlags(command: Command): Command {
  return withSetAsideFlags(withKeepFlags(withLockFlags(command)))
    .addOption(onEmptyOption())
    .addOption(restoreOption())
    .addOption(inPlaceOption());
}

/** JSON has no dates: the text of one, put where one is, is one. */
function likeThere(whole: JsonValue, at: string, value: JsonValue): JsonValue {
  const there: unknown = getAt(whole, at);
  if (!(there instanceof TomlDate) || typeof value !== 'string') return value;
  try {
    return new TomlDate(value) as unknown as JsonValue;
  } catch {
    return value;
  }
}

async function get(
  { read }: DocumentCommand,
  file: string,
  at: string,
  flags: { readonly raw?: true },
): Promise<void> {
  const value = getAt(asJson(await read(file)), at);
  if (value === undefined) {
    throw new HoldfastError('NOT_FOUND', {
      message: `The file has nothing at '${at}'.`,
      step: 'get',
      path: file,
    });
  }
  print(flags.raw && typeof value === 'string' ? resultOf(value) : jsonOf(value, 2));
}

/** What JSON has no form for is a string in it: dates, NaN, infinities, integers past 2^53. */
function asJson(value: unknown): JsonValue {
  const text = JSON.stringify(value, (_, member: unknown) => {
    const isOdd = typeof member === 'number' && !Number.isFinite(member);
    return typeof member === 'bigint' || isOdd ? String(member) : member;
  });
  return JSON.parse(text) as JsonValue;
}

async function change(
  { update }: DocumentCommand,
  file: string,
  flags: ChangeFlags,
  updater: (whole: JsonValue) => JsonValue,
): Promise<void> {
  await update(file, (whole) => updater(whole as JsonValue), {
    ...lockOptions(flags),
    ...keepOptions(flags),
    ...setAsideOptions(flags),
    onCorrupt: onCorruptOf(flags),
    onEmpty: flags.onEmpty,
    secret: flags.secret,
    inPlace: flags.inPlace,
  });
}
