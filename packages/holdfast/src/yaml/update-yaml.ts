/**
 * YAML documents. The text is the document: an update becomes edits of it (edit-yaml.ts), which are
 * made where the parser of the package yaml says that the values stand. The package prints nothing:
 * what it would fold or spell anew stays.
 */
import { updateDocument } from '../document/document-updates.js';
import { importFailed } from '../document/optional-package.js';
import { plainData } from '../document/plain-data.js';
import { checkReadArguments, readDocument, type ReadOptions } from '../document/read-document.js';
import type { Syntax } from '../document/syntax.js';
import { textSyntax, type TextFormat } from '../document/text-document.js';
import {
  checkUpdateArguments,
  updateOptionNames,
  type UpdateCall,
  type UpdateOptions,
  type Updater,
} from '../document/update-options.js';
import { HoldfastError } from '../errors.js';
import type { JsonObject } from '../json/json-value.js';
import { addYaml, editYaml } from './edit-yaml.js';
import { yamlScalar } from './format-yaml.js';
import { Unreadable, valueOf, yamlTree, type YamlNode } from './yaml-tree.js';

type Yaml = typeof import('yaml');

const yamlCall: UpdateCall = { call: 'updateYaml', names: updateOptionNames };

/**
 * Updates a YAML 1.2 document under its lock, as `updateJson` does a JSON document: the updater
 * gets the value, and returns the new one or changes the one it was given. The change becomes edits
 * of the text: comments, order, layout, quotes, tags, anchors, line ends and spellings of what does
 * not change stay to the byte. A float that becomes a whole number stays one.
 *
 * What an alias stands for is given as a copy, and an alias that no longer says the same is
 * replaced by the value. Integers past 2^53 are a `bigint`. A document of comments alone holds
 * `{}`. What is written means the same to readers of YAML 1.1. Needs the package `yaml`.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; UNREPRESENTABLE for a file of
 *   several documents, for names that are no scalars, and where the change could not be made
 *   without another one; CORRUPT_DOCUMENT with line and column; and those of `updateJson`
 */
export async function updateYaml<T = JsonObject>(
  path: string,
  updater: Updater<T>,
  options: UpdateOptions<T> = {},
): Promise<T> {
  checkUpdateArguments(yamlCall, path, updater, options);
  return updateDocument(await yamlSyntax('updateYaml'), path, updater, options);
}

/**
 * Reads a YAML 1.2 document, without a lock. Needs the package `yaml`.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; UNREPRESENTABLE for a file of
 *   several documents; and those of `readJson`
 */
export async function readYaml<T = JsonObject>(
  path: string,
  options: ReadOptions<T> = {},
): Promise<T> {
  checkReadArguments('readYaml', path, options);
  return readDocument(await yamlSyntax('readYaml'), 'readYaml', path, options);
}

let loaded: Syntax | undefined;

/** @param call - who asks, for the error when the package is missing */
export async function yamlSyntax(call: string): Promise<Syntax> {
  try {
    loaded ??= textSyntax(formatOf(await import('yaml')));
    return loaded;
  } catch (error) {
    throw importFailed('yaml', call, error);
  }
}

function formatOf(yaml: Yaml): TextFormat {
  return {
    name: 'YAML',
    call: 'updateYaml',
    read: (text, path) =>
      readable(text, path, () => {
        const root = parse(yaml, text, path);
        return root ? valueOf(root) : {};
      }),
    check: (value, path) => plainData(value, path, yamlScalar),
    edit: (text, value, path) =>
      readable(text, path, () => {
        const root = parse(yaml, text, path);
        const edited = root ? editYaml(text, root, value) : addYaml(text, value);
        if (text.includes('!') && hasOtherTags(yaml, text, edited)) throw behindTag(path);
        return edited;
      }),
  };
}

function parse(yaml: Yaml, text: string, path: string): YamlNode | undefined {
  // With the level `silent` a second document would be passed over in silence, too.
  const document = yaml.parseDocument(text, { keepSourceTokens: true, logLevel: 'error' });
  const [error] = document.errors;
  if (!error) return yamlTree(yaml, document, text);
  if (error.code === 'MULTIPLE_DOCS')
    throw new Unreadable('the file holds several documents', error.pos[0]);
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message:
      `It is not YAML: ${(error.message.split('\n')[0] as string).replace(/:$/, '')}. ` +
      'Repair the file or restore it.',
    step: 'parse',
    path,
    cause: error,
  });
}

/** Whether a tag stands before a value of another kind than it did. */
function hasOtherTags(yaml: Yaml, before: string, after: string): boolean {
  const known = tagsOf(yaml, before);
  return Array.from(tagsOf(yaml, after)).some(([tag, count]) => count > (known.get(tag) ?? 0));
}

/** How often each tag stands before each kind of value. */
function tagsOf(yaml: Yaml, text: string): ReadonlyMap<string, number> {
  const tags = new Map<string, number>();
  yaml.visit(yaml.parseDocument(text, { logLevel: 'error' }), {
    Node(_, node) {
      if (yaml.isAlias(node) || node.tag === undefined) return;
      const kind = yaml.isScalar(node) ? 'scalar' : yaml.isSeq(node) ? 'sequence' : 'mapping';
      const tagged = `${node.tag} ${kind}`;
      tags.set(tagged, (tags.get(tagged) ?? 0) + 1);
    },
  });
  return tags;
}

function behindTag(path: string): HoldfastError {
  return new HoldfastError('UNREPRESENTABLE', {
    message:
      'A value of another kind would stand behind a tag of the YAML document, which says what it is. ' +
      'Make the change by hand, or remove the member first.',
    step: 'edit',
    path,
  });
}

function readable<T>(text: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    const line = text.slice(0, cause.place).split('\n').length;
    throw new HoldfastError('UNREPRESENTABLE', {
      message: `The YAML document cannot be held by a JavaScript value: ${cause.message}, in line ${line}.`,
      step: 'parse',
      path,
    });
  }
}
