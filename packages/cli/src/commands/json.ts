/**
 * `holdfast json`: read and change one JSON document from a shell: a file, under its lock, or an
 * object of a store.
 */
import { messageOf } from 'holdfast/errors';
import { InvalidArgumentError, type Command } from 'commander';
import { HoldfastError, readJson, updateJson, type JsonValue, type OnEmpty } from 'holdfast';
import {
  applyJsonPatch,
  deleteAt,
  getAt,
  mergePatch,
  parseJson,
  setAt,
  type JsonPatchOperation,
} from 'holdfast/json';
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
import { readStandardInput } from '../standard-input.js';
import {
  fileHelp,
  isInStore,
  openStore,
  withStoreFlags,
  withTrustFlag,
  type StoreFlags,
} from '../store-flags.js';

interface GetFlags extends StoreFlags {
  readonly raw?: true;
  readonly initial?: JsonValue;
  readonly onEmpty?: OnEmpty;
  readonly jsonc?: true;
}

interface UpdateFlags extends InPlaceFlag, LockFlags, KeepFlags, SetAsideFlags, StoreFlags {
  readonly initial?: JsonValue;
  readonly onEmpty?: OnEmpty;
  readonly indent?: number | string;
  readonly jsonc?: true;
  readonly quarantine?: true;
  readonly restore?: true;
  readonly secret?: true;
  readonly json?: true;
}

const pointerHelp = "place in the document, a JSON Pointer: /users/0/name, '' for the whole";

/** What documents in stores have as well. */
const alsoInStores = '--raw --string --initial --indent --jsonc --json --timeout'.split(' ');

const jsoncHelp =
  'the document may have comments and trailing commas; so may any file named .jsonc';

/** Adds the commands to the program. */
export function addJsonCommands(program: Command): void {
  const json = program
    .command('json')
    .description('Read or change a JSON document; no change of another program is lost.');
  addGet(json);
  addSet(json);
  addMerge(json);
  addPatch(json);
  addDelete(json);
}

function addGet(json: Command): void {
  withStoreFlags(json.command('get'))
    .description('Print a document, or a place in it, as JSON. Exit status 3 when it is not there.')
    .argument('<file>', fileHelp)
    .argument('[pointer]', pointerHelp, '')
    .option('--raw', 'print a string as it is, without quotes')
    .option('--initial <json>', 'what a missing or empty file holds', jsonArgument)
    .addOption(onEmptyOption())
    .option('--jsonc', jsoncHelp)
    .addHelpText(
      'after',
      `
Examples:
  holdfast json get package.json /version --raw
  holdfast json get state.json --initial '{}'
  holdfast json get s3://bucket/state.json /runs --endpoint https://store.example`,
    )
    .action(get);
}

async function get(
  file: string,
  pointer: string,
  flags: GetFlags,
  command: Command,
): Promise<void> {
  const value = getAt(await read(file, flags, command), pointer);
  if (value === undefined) throw notFound(file, pointer);
  const isRaw = flags.raw && typeof value === 'string';
  print(isRaw ? resultOf(value) : jsonOf(value, 2));
}

async function read(file: string, flags: GetFlags, command: Command): Promise<JsonValue> {
  const options = { initial: flags.initial, syntax: flags.jsonc && 'jsonc' } as const;
  if (!isInStore(file, command, alsoInStores))
    return readJson(file, { ...options, onEmpty: flags.onEmpty });
  const { stores, store } = await openStore('get', file, flags);
  return stores.readJson(file, { ...options, store });
}

function addSet(json: Command): void {
  const set = json
    .command('set')
    .description(
      'Put a value at a place; missing levels are made, as objects. - appends to an array.',
    )
    .argument('<file>', fileHelp)
    .argument('<pointer>', pointerHelp)
    .argument('<value>', 'the value as JSON, or with --string as it is')
    .option('--string', 'take the value as a string');
  withUpdateFlags(set)
    .addHelpText(
      'after',
      `
Examples:
  holdfast json set config.json /server/port 8080
  holdfast json set config.json /server/host --string localhost
  holdfast json set config.json /plugins/- '{"name": "cache"}'`,
    )
    .action(
      (
        file: string,
        pointer: string,
        given: string,
        flags: UpdateFlags & { string?: true },
        command: Command,
      ) => {
        const value = flags.string ? given : parseJson(given, 'VALUE (--string takes it as it is)');
        return change(file, flags, command, (document) => setAt(document, pointer, value));
      },
    );
}

function addMerge(json: Command): void {
  const merge = json
    .command('merge')
    .description('Merge an object into the document (RFC 7396): null removes a member.')
    .argument('<file>', fileHelp)
    .argument('[patch]', 'the merge patch as JSON; - is standard input', '-');
  withUpdateFlags(merge)
    .addHelpText(
      'after',
      `
Examples:
  holdfast json merge config.json '{"server": {"port": 8080, "host": null}}'
  curl -s https://example.org/defaults.json | holdfast json merge config.json`,
    )
    .action(async (file: string, given: string, flags: UpdateFlags, command: Command) => {
      const patch = await patchArgument(given);
      await change(file, flags, command, (document) => mergePatch(document, patch));
    });
}

function addPatch(json: Command): void {
  const patchCommand = json
    .command('patch')
    .description(
      'Apply a list of operations (RFC 6902), all or none. Exit status 9 when a test of it fails.',
    )
    .argument('<file>', fileHelp)
    .argument('[patch]', 'the JSON patch; - is standard input', '-');
  withUpdateFlags(patchCommand)
    .addHelpText(
      'after',
      `
Examples:
  holdfast json patch state.json '[{"op": "test", "path": "/owner", "value": null},
                                   {"op": "replace", "path": "/owner", "value": "me"}]'
  holdfast json patch state.json < changes.json`,
    )
    .action(async (file: string, given: string, flags: UpdateFlags, command: Command) => {
      const patch = (await patchArgument(given)) as unknown as readonly JsonPatchOperation[];
      await change(file, flags, command, (document) => applyJsonPatch(document, patch));
    });
}

function addDelete(json: Command): void {
  const deleteCommand = json
    .command('delete')
    .description('Take places out of the document. Exit status 3 when one is not there.')
    .argument('<file>', fileHelp)
    .argument('<pointer...>', 'places in the document, JSON Pointers: /users/0');
  withUpdateFlags(deleteCommand)
    .addHelpText(
      'after',
      `
Examples:
  holdfast json delete config.json /server/host /server/port`,
    )
    .action((file: string, pointers: readonly string[], flags: UpdateFlags, command: Command) =>
      change(file, flags, command, (document) => pointers.reduce<JsonValue>(deleteAt, document)),
    );
}

function withUpdateFlags(command: Command): Command {
  return withTrustFlag(withStoreFlags(withSetAsideFlags(withKeepFlags(withLockFlags(command)))))
    .option('--initial <json>', 'what a missing or empty file holds ({})', jsonArgument)
    .addOption(onEmptyOption())
    .option('--indent <width>', 'spaces per level, or "tab"; as found by default', indentArgument)
    .option('--jsonc', jsoncHelp)
    .option('--quarantine', 'keep a file that is not JSON as FILE.corrupt-<id>, and begin anew')
    .addOption(restoreOption().conflicts('quarantine'))
    .addOption(inPlaceOption())
    .option('--secret', 'a file of this user and for nobody else (mode 0600)')
    .option('--json', 'print the new document');
}

async function change(
  file: string,
  flags: UpdateFlags,
  command: Command,
  updater: (document: JsonValue) => JsonValue,
): Promise<void> {
  const update = isInStore(file, command, alsoInStores) ? updateInStore : updateInFile;
  const document = await update(file, flags, updater);
  if (flags.json) print(jsonOf(document, 2));
}

function updateInFile(
  file: string,
  flags: UpdateFlags,
  updater: (document: JsonValue) => JsonValue,
): Promise<JsonValue> {
  return updateJson<JsonValue>(file, updater, {
    ...documentOptions(flags),
    onEmpty: flags.onEmpty,
    ...lockOptions(flags),
    ...keepOptions(flags),
    ...setAsideOptions(flags),
    onCorrupt: flags.quarantine ? 'quarantine' : onCorruptOf(flags),
    secret: flags.secret,
    inPlace: flags.inPlace,
  });
}

/** Others may be first: the updater runs again on what is there then. */
async function updateInStore(
  url: string,
  flags: UpdateFlags,
  updater: (document: JsonValue) => JsonValue,
): Promise<JsonValue> {
  const { stores, store } = await openStore('update', url, flags);
  return stores.updateJson<JsonValue>(url, updater, {
    ...documentOptions(flags),
    timeoutMs: lockOptions(flags).timeoutMs,
    store,
  });
}

function documentOptions({ initial, indent, jsonc }: UpdateFlags): {
  readonly initial: JsonValue | undefined;
  readonly indent: number | string | undefined;
  readonly syntax: 'jsonc' | undefined;
} {
  return { initial, indent, syntax: jsonc && 'jsonc' };
}

async function patchArgument(given: string): Promise<JsonValue> {
  return given === '-'
    ? parseJson(await readStandardInput(), 'standard input')
    : parseJson(given, 'PATCH');
}

function jsonArgument(given: string): JsonValue {
  try {
    return parseJson(given, 'the value');
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function indentArgument(given: string): number | string {
  if (given === 'tab') return '\t';
  if (/^\d{1,2}$/.test(given)) return Number(given);
  throw new InvalidArgumentError('It is a number of spaces from 0 to 99, or "tab".');
}

function notFound(file: string, pointer: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message: `The document has nothing at '${pointer}'.`,
    step: 'get',
    path: file,
  });
}
