/**
 * `holdfast env`, `toml`, `yaml`: read and change a document that has comments from a shell: a file,
 * under its lock, or an object of a store.
 */
import type { ObjectAccess, ObjectUpdater } from '@holdfast/objectstore';
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
import {
  fileHelp,
  isInStore,
  openStore,
  withStoreFlags,
  withTrustFlag,
  type StoreFlags,
} from '../store-flags.js';

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
  /** The same calls on a document of a store. */
  readonly inStore: (stores: typeof import('@holdfast/objectstore')) => StoreCalls;
}

interface StoreCalls {
  readonly read: (url: string, options: ObjectAccess) => Promise<unknown>;
  readonly update: (
    url: string,
    updater: ObjectUpdater<unknown>,
    options: ObjectAccess,
  ) => Promise<unknown>;
}

/** What documents in stores have as well. */
const alsoInStores = ['--raw', '--string', '--timeout'];

const pointer = "place in the document, a JSON Pointer: /server/port, '' for the whole";

const documents: readonly DocumentCommand[] = [
  {
    name: 'env',
    file: 'a .env file',
    place: "a variable, as a JSON Pointer: /NAME; '' for all",
    examples: ['get .env /DATABASE_URL --raw', 'set .env /PORT --string 8080', 'delete .env /OLD'],
    read: (path) => readEnv(path),
    update: updateEnv as DocumentCommand['update'],
    inStore: (stores) => ({
      read: stores.readEnv,
      update: stores.updateEnv as StoreCalls['update'],
    }),
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
    inStore: (stores) => ({ read: stores.readToml, update: stores.updateToml }),
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
    inStore: (stores) => ({ read: stores.readYaml, update: stores.updateYaml }),
  },
];

interface GetFlags extends StoreFlags {
  readonly raw?: true;
}

interface ChangeFlags extends InPlaceFlag, LockFlags, KeepFlags, SetAsideFlags, StoreFlags {
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
  withStoreFlags(group.command('get'))
    .description('Print all of it, or a place in it, as JSON. Exit status 3 when it is not there.')
    .argument('<file>', fileHelp)
    .argument('[pointer]', place, '')
    .option('--raw', 'print a string as it is, without quotes')
    .addHelpText('after', example(0))
    .action((path: string, at: string, _: GetFlags, command: Command) =>
      get(document, path, at, command),
    );
  withChangeFlags(
    group
      .command('set')
      .description('Put a value at a place; a new one comes last. - appends to an array.')
      .argument('<file>', fileHelp)
      .argument('<pointer>', place)
      .argument('<value>', 'the value as JSON, or with --string as it is')
      .option('--string', 'take the value as a string')
      .option('--secret', 'a file of this user and for nobody else (mode 0600)'),
  )
    .addHelpText('after', example(1))
    .action(
      (
        path: string,
        at: string,
        given: string,
        flags: ChangeFlags & { string?: true },
        command: Command,
      ) => {
        const value = flags.string ? given : parseJson(given, 'VALUE (--string takes it as it is)');
        return change(document, path, command, (whole) =>
          setAt(whole, at, likeThere(whole, at, value)),
        );
      },
    );
  withChangeFlags(
    group
      .command('delete')
      .description('Take places out of the file. Exit status 3 when one is not there.')
      .argument('<file>', fileHelp)
      .argument('<pointer...>', place),
  )
    .addHelpText('after', example(2))
    .action((path: string, pointers: readonly string[], _: ChangeFlags, command: Command) =>
      change(document, path, command, (whole) => pointers.reduce<JsonValue>(deleteAt, whole)),
    );
}

function withChangeFlags(command: Command): Command {
  return withTrustFlag(withStoreFlags(withSetAsideFlags(withKeepFlags(withLockFlags(command)))))
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
  document: DocumentCommand,
  file: string,
  at: string,
  command: Command,
): Promise<void> {
  const flags = command.opts<GetFlags>();
  const value = getAt(asJson(await read(document, file, command)), at);
  if (value === undefined) {
    throw new HoldfastError('NOT_FOUND', {
      message: `The file has nothing at '${at}'.`,
      step: 'get',
      path: file,
    });
  }
  print(flags.raw && typeof value === 'string' ? resultOf(value) : jsonOf(value, 2));
}

async function read(document: DocumentCommand, file: string, command: Command): Promise<unknown> {
  if (!isInStore(file, command, alsoInStores)) return document.read(file);
  const { stores, store } = await openStore('get', file, command.opts<StoreFlags>());
  return document.inStore(stores).read(file, { store });
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
  document: DocumentCommand,
  file: string,
  command: Command,
  updater: (whole: JsonValue) => JsonValue,
): Promise<void> {
  const flags = command.opts<ChangeFlags>();
  const make = (whole: unknown): JsonValue => updater(whole as JsonValue);
  const { timeoutMs, ...lock } = lockOptions(flags);
  if (isInStore(file, command, alsoInStores)) {
    const { stores, store } = await openStore('update', file, flags);
    await document.inStore(stores).update(file, make, { timeoutMs, store });
    return;
  }
  await document.update(file, make, {
    ...lock,
    timeoutMs,
    ...keepOptions(flags),
    ...setAsideOptions(flags),
    onCorrupt: onCorruptOf(flags),
    onEmpty: flags.onEmpty,
    secret: flags.secret,
    inPlace: flags.inPlace,
  });
}
