/** `holdfast metaflow`: Metaflow's production tokens and environment manifest, from a shell. */
import { EnvironmentManifest, ProductionTokenStore } from '@holdfast/metaflow';
import type { Command } from 'commander';
import { HoldfastError, type JsonValue } from 'holdfast';
import { parseJson } from 'holdfast/json';
import { jsonOf, print, resultOf } from '../outputs.js';
import { readStandardInput } from '../standard-input.js';

interface TokenFlags {
  readonly home?: string;
  readonly previous?: string;
  readonly json?: true;
}

interface ManifestFlags {
  readonly root: string;
  readonly json?: true;
}

/** Adds the commands to the program. */
export function addMetaflowCommands(program: Command): void {
  const metaflow = program
    .command('metaflow')
    .description("Share Metaflow's files: production tokens and the environment manifest.");
  addToken(metaflow);
  addManifest(metaflow);
}

function addToken(metaflow: Command): void {
  const token = metaflow
    .command('token')
    .description(
      'Production tokens, in $METAFLOW_TOKEN_HOME, $METAFLOW_HOME or ~/.metaflowconfig.',
    );
  withTokenFlags(token.command('show'))
    .description('Print the token that is stored for a prefix. Exit status 3 when there is none.')
    .argument('<prefix>', 'the token prefix')
    .addHelpText('after', '\nExamples:\n  holdfast metaflow token show helloflow')
    .action(showToken);
  withTokenFlags(token.command('new'))
    .description('Print the first token of a prefix, or the one after --previous; store nothing.')
    .argument('<prefix>', 'the token prefix')
    .option('--previous <token>', 'the token before')
    .addHelpText(
      'after',
      `
Examples:
  holdfast metaflow token new helloflow
  holdfast metaflow token new helloflow --previous "$(holdfast metaflow token show helloflow)"`,
    )
    .action(newToken);
  withTokenFlags(token.command('store'))
    .description('Store a token under a prefix; the other members of the file are kept.')
    .argument('<prefix>', 'the token prefix')
    .argument('<token>', 'the token')
    .addHelpText('after', '\nExamples:\n  holdfast metaflow token store helloflow helloflow-0-apnt')
    .action(storeToken);
}

function withTokenFlags(command: Command): Command {
  return command
    .option('--home <directory>', 'where the token files are')
    .option('--json', 'print prefix, token and path as JSON');
}

async function showToken(prefix: string, flags: TokenFlags): Promise<void> {
  const store = tokenStore(flags);
  const token = await store.load(prefix);
  if (token === undefined)
    throw nothingThere(`No token is stored for '${prefix}'.`, store.path(prefix));
  printToken(store, prefix, token, flags);
}

function newToken(prefix: string, flags: TokenFlags): void {
  const store = tokenStore(flags);
  const token = store.new(prefix, flags.previous);
  if (token === undefined) {
    throw nothingThere(`'${flags.previous}' is not a token of '${prefix}'.`, store.path(prefix));
  }
  printToken(store, prefix, token, flags);
}

async function storeToken(prefix: string, token: string, flags: TokenFlags): Promise<void> {
  const store = tokenStore(flags);
  await store.store(prefix, token);
  if (flags.json) printToken(store, prefix, token, flags);
}

function tokenStore({ home }: TokenFlags): ProductionTokenStore {
  return new ProductionTokenStore({ home });
}

function printToken(
  store: ProductionTokenStore,
  prefix: string,
  token: string,
  flags: TokenFlags,
): void {
  const path = store.path(prefix);
  print(flags.json ? jsonOf({ prefix, token, path }) : resultOf(token));
}

function addManifest(metaflow: Command): void {
  const manifest = metaflow
    .command('manifest')
    .description('The manifest of solved environments, <root>/<flow>/conda.manifest.');
  withManifestFlags(manifest.command('get'))
    .description('Print the value at the keys as JSON. Exit status 3 when there is none.')
    .argument('<flow>', 'the name of the flow')
    .argument('<key...>', 'environment id, platform, type')
    .addHelpText(
      'after',
      '\nExamples:\n  holdfast metaflow manifest get HelloFlow 1a2b linux-64 conda',
    )
    .action(getManifest);
  withManifestFlags(manifest.command('set'))
    .description('Write a value, read as JSON from standard input, at the keys; all else is kept.')
    .argument('<flow>', 'the name of the flow')
    .argument('<key...>', 'environment id, platform, type')
    .addHelpText(
      'after',
      '\nExamples:\n  holdfast metaflow manifest set HelloFlow 1a2b linux-64 conda < packages.json',
    )
    .action(setManifest);
}

function withManifestFlags(command: Command): Command {
  return command
    .option('--root <directory>', "Metaflow's local datastore", '.metaflow')
    .option('--json', 'print path, keys and value as JSON');
}

async function getManifest(
  flow: string,
  keys: readonly string[],
  flags: ManifestFlags,
): Promise<void> {
  const manifest = new EnvironmentManifest(flags.root, flow);
  const value = await manifest.read(keys);
  if (value === undefined) {
    throw nothingThere(`The manifest has nothing at ${keys.join(', ')}.`, manifest.path);
  }
  printValue(manifest, keys, value, flags);
}

async function setManifest(
  flow: string,
  keys: readonly string[],
  flags: ManifestFlags,
): Promise<void> {
  const manifest = new EnvironmentManifest(flags.root, flow);
  const value = parseJson(await readStandardInput(), 'standard input');
  await manifest.write(keys, value);
  if (flags.json) printValue(manifest, keys, value, flags);
}

function printValue(
  { path }: EnvironmentManifest,
  keys: readonly string[],
  value: JsonValue,
  flags: ManifestFlags,
): void {
  print(flags.json ? jsonOf({ path, keys, value }) : jsonOf(value, 2));
}

function nothingThere(message: string, path: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', { message, step: 'read', path });
}
