/** `holdfast json`: read and change one JSON document under its lock, from a shell. */
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

interface UpdateFlags extends InPlaceFlag, LockFlags, KeepFlags, SetAsideFlags {
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
  json
    .command('get')
    .description('Print a document, or a place in it, as JSON. Exit status 3 when it is not there.')
    .argument('<file>')
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
  holdfast json get state.json --initial '{}'`,
    )
    .action(get);
}

async function get(
  file: string,
  pointer: string,
  flags: {
    readonly raw?: true;
    readonly initial?: JsonValue;
    readonly onEmpty?: OnEmpty;
    readonly jsonc?: true;
  },
): Promise<void> {
  const value = getAt(
    await readJson(file, {
      initial: flags.initial,
      onEmpty: flags.onEmpty,
      syntax: flags.jsonc && 'jsonc',
    }),
    pointer,
  );
  if (value === undefined) throw notFound(file, pointer);
  const isRaw = flags.raw && typeof value === 'string';
  print(isRaw ? resultOf(value) : jsonOf(value, 2));
}

function addSet(json: Command): void {
  const set = json
    .command('set')
    .description(
      'Put a value at a place; missing levels are made, as objects. - appends to an array.',
    )
    .argument('<file>')
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
      (file: string, pointer: string, given: string, flags: UpdateFlags & { string?: true }) => {
        const value = flags.string ? given : parseJson(given, 'VALUE (--string takes it as it is)');
        return change(file, flags, (document) => setAt(document, pointer, value));
      },
    );
}

function addMerge(json: Command): void {
  const merge = json
    .command('merge')
    .description('Merge an object into the document (RFC 7396): null removes a member.')
    .argument('<file>')
    .argument('[patch]', 'the merge patch as JSON; - is standard input', '-');
  withUpdateFlags(merge)
    .addHelpText(
      'after',
      `
Examples:
  holdfast json merge config.json '{"server": {"port": 8080, "host": null}}'
  curl -s https://example.org/defaults.json | holdfast json merge config.json`,
    )
    .action(async (file: string, given: string, flags: UpdateFlags) => {
      const patch = await patchArgument(given);
      await change(file, flags, (document) => mergePatch(document, patch));
    });
}

function addPatch(json: Command): void {
  const patchCommand = json
    .command('patch')
    .description(
      'Apply a list of operations (RFC 6902), all or none. Exit status 9 when a test of it fails.',
    )
    .argument('<file>')
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
    .action(async (file: string, given: string, flags: UpdateFlags) => {
      const patch = (await patchArgument(given)) as unknown as readonly JsonPatchOperation[];
      await change(file, flags, (document) => applyJsonPatch(document, patch));
    });
}

function addDelete(json: Command): void {
  const deleteCommand = json
    .command('delete')
    .description('Take places out of the document. Exit status 3 when one is not there.')
    .argument('<file>')
    .argument('<pointer...>', 'places in the document, JSON Pointers: /users/0');
  withUpdateFlags(deleteCommand)
    .addHelpText(
      'after',
      `
Examples:
  holdfast json delete config.json /server/host /server/port`,
    )
    .action((file: string, pointers: readonly string[], flags: UpdateFlags) =>
      change(file, flags, (document) => pointers.reduce<JsonValue>(deleteAt, document)),
    );
}

function withUpdateFlags(command: Command): Command {
  return withSetAsideFlags(withKeepFlags(withLockFlags(command)))
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
  updater: (document: JsonValue) => JsonValue,
): Promise<void> {
  const document = await updateJson<JsonValue>(file, updater, {
    initial: flags.initial,
    onEmpty: flags.onEmpty,
    indent: flags.indent,
    syntax: flags.jsonc && 'jsonc',
    ...lockOptions(flags),
    ...keepOptions(flags),
    ...setAsideOptions(flags),
    onCorrupt: flags.quarantine ? 'quarantine' : onCorruptOf(flags),
    secret: flags.secret,
    inPlace: flags.inPlace,
  });
  if (flags.json) print(jsonOf(document, 2));
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
