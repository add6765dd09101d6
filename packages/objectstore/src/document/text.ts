/** TOML, YAML and `.env` documents in a store. */
import { checkOptions } from 'holdfast/options';
import type { EnvVariables, JsonObject, TomlTable } from 'holdfast';
import { checkUpdater, envSyntax, tomlSyntax, yamlSyntax, type Syntax } from 'holdfast/syntaxes';
import { parseS3Url } from '../s3-url.js';
import { updateObject } from './object-queue.js';
import {
  accessOf,
  documentNames,
  type ObjectUpdater,
  type ReadObjectOptions,
  type UpdateObjectOptions,
} from './object-options.js';
import { readDocument } from './read-object.js';

/** A format whose documents have comments that begin with `#`. */
interface TextFormat {
  readonly contentType: string;
  readonly load: (call: string) => Syntax | Promise<Syntax>;
}

const toml: TextFormat = { contentType: 'application/toml', load: tomlSyntax };
/** RFC 9512. */
const yaml: TextFormat = { contentType: 'application/yaml', load: yamlSyntax };
const env: TextFormat = { contentType: 'text/plain; charset=utf-8', load: () => envSyntax };

/**
 * Reads a TOML document from a store, as {@link readJson} does a JSON document. Needs the package
 * `toml-eslint-parser`.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; and those of `readJson`
 */
export async function readToml<T = TomlTable>(
  url: string,
  options: ReadObjectOptions<T> = {},
): Promise<T> {
  return readText(url, options, { ...toml, call: 'readToml' });
}

/**
 * Updates a TOML document in a store, as {@link updateJson} does a JSON document, with the edits of
 * `updateToml` of holdfast: comments, order and layout stay to the byte. At the end of the text
 * stands a comment, `# holdfast <id>`, another one after each commit. Needs the package
 * `toml-eslint-parser`.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; and those of `updateJson`
 */
export async function updateToml<T = TomlTable>(
  url: string,
  updater: ObjectUpdater<T>,
  options: UpdateObjectOptions<T> = {},
): Promise<T> {
  return updateText(url, updater, options, { ...toml, call: 'updateToml' });
}

/**
 * Reads a YAML 1.2 document from a store, as {@link readJson} does a JSON document. Needs the
 * package `yaml`.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; and those of `readJson`
 */
export async function readYaml<T = JsonObject>(
  url: string,
  options: ReadObjectOptions<T> = {},
): Promise<T> {
  return readText(url, options, { ...yaml, call: 'readYaml' });
}

/**
 * Updates a YAML 1.2 document in a store, as {@link updateJson} does a JSON document, with the edits
 * of `updateYaml` of holdfast: comments, order and layout stay to the byte. At the end of the text
 * stands a comment, `# holdfast <id>`, another one after each commit. Needs the package `yaml`.
 *
 * Not promised: that other readers do not see that line, where the whole document is one block
 * scalar that is not indented, whose text has no end.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; and those of `updateJson`
 */
export async function updateYaml<T = JsonObject>(
  url: string,
  updater: ObjectUpdater<T>,
  options: UpdateObjectOptions<T> = {},
): Promise<T> {
  return updateText(url, updater, options, { ...yaml, call: 'updateYaml' });
}

/**
 * Reads the variables of a `.env` file in a store, as Node does.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError those of `readJson`
 */
export async function readEnv(
  url: string,
  options: ReadObjectOptions<EnvVariables> = {},
): Promise<EnvVariables> {
  return readText(url, options, { ...env, call: 'readEnv' });
}

/**
 * Updates the variables of a `.env` file in a store, as {@link updateJson} does a JSON document,
 * with the edits of `updateEnv` of holdfast. At the end of the text stands a comment, `# holdfast
 * <id>`, another one after each commit.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError UNREPRESENTABLE for what is no variable; and those of `updateJson`
 */
export async function updateEnv(
  url: string,
  updater: ObjectUpdater<EnvVariables>,
  options: UpdateObjectOptions<EnvVariables> = {},
): Promise<EnvVariables> {
  return updateText(url, updater, options, { ...env, call: 'updateEnv' });
}

interface TextCall extends TextFormat {
  readonly call: string;
}

async function readText<T>(
  url: string,
  options: ReadObjectOptions<T>,
  { call, load, contentType }: TextCall,
): Promise<T> {
  checkOptions(call, options, documentNames);
  const format = { syntax: await load(call), nonce: 'comment', contentType } as const;
  return readDocument(format, call, url, options);
}

async function updateText<T>(
  url: string,
  updater: ObjectUpdater<T>,
  options: UpdateObjectOptions<T>,
  { call, load, contentType }: TextCall,
): Promise<T> {
  checkOptions(call, options, documentNames);
  checkUpdater(call, url, updater, options);
  const name = parseS3Url(call, url);
  const { store, timeoutMs } = accessOf(call, options);
  const { initial, schema, signal } = options as UpdateObjectOptions<unknown>;
  const format = { syntax: await load(call), nonce: 'comment', contentType } as const;
  const request = { ...format, initial, schema, timeoutMs, signal };
  return updateObject(store, name, updater, request) as Promise<T>;
}
