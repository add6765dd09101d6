/**
 * What leads readers to the files of a directory: `current.json`, or a document of the caller's
 * own, for readers that know nothing of Holdfast. Such an index is a text in which the caller has a
 * place for what Holdfast has to know; all else in it is as it was written.
 */
import { checkOptions, invalidArgument } from 'holdfast/options';
import { fileSyntax, syntaxFor } from 'holdfast/syntaxes';
import type { ObjectAccess } from '../document/object-options.js';
import type { ObjectFormat } from '../document/read-object.js';
import { parseS3Url } from '../s3-url.js';
import type { ObjectName } from '../store/object-store.js';

/**
 * A document of the caller's own that leads readers to the files of a directory in place of
 * `current.json`. Blanks at its end have to mean nothing.
 */
export interface DirectoryIndex {
  /** `s3://bucket/key`, not below the directory. It is Holdfast's alone. */
  readonly url: string;
  /** Its `Content-Type`. */
  readonly contentType?: string | undefined;
  /** The facts that a text holds; `undefined` for one that is none of these. */
  readonly factsIn: (text: string) => string | undefined;
  /** The text with other facts, which are digits, small letters, `-` and blanks. */
  readonly withFacts: (text: string, facts: string) => string;
}

/** How a directory is reached. */
export interface DirectoryAccess extends ObjectAccess {
  /** What leads readers to it; by default `current.json` below it. */
  readonly index?: DirectoryIndex | undefined;
}

export const directoryAccessNames = ['store', 'timeoutMs', 'signal', 'index'] as const;

/** What is kept of a directory in its pointer. */
export interface PointerFacts {
  readonly generation: string | null;
  readonly previous: readonly string[];
  readonly revision: number;
}

/** Where the pointer is, and how it is read and written. */
export interface PointerForm {
  readonly name: ObjectName;
  readonly format: ObjectFormat;
  /** Whether it is a text that has to be given with each generation. */
  readonly isIndex: boolean;
  /** The facts in what was read, which nobody has judged yet; an empty object where nothing is. */
  readonly factsIn: (value: unknown) => unknown;
  /** What is to be written. */
  readonly withFacts: (value: unknown, facts: PointerFacts) => unknown;
}

/** @throws HoldfastError INVALID_ARGUMENT */
export function pointerFormOf(
  call: string,
  root: ObjectName,
  index: DirectoryIndex | undefined,
): PointerForm {
  if (index === undefined) {
    return {
      name: { bucket: root.bucket, key: `${root.key}/current.json` },
      format: jsonFormat,
      isIndex: false,
      factsIn: (value) => value,
      withFacts: (_, facts) => facts,
    };
  }
  checkOptions(call, index, ['url', 'contentType', 'factsIn', 'withFacts']);
  const name = parseS3Url(call, index.url);
  if (name.bucket !== root.bucket || name.key.startsWith(`${root.key}/`))
    throw invalidArgument(
      call,
      'the index lies in the bucket of the directory, beside it',
      index.url,
    );
  const { contentType = 'text/plain' } = index;
  return {
    name,
    format: { ...textFormat, contentType },
    isIndex: true,
    factsIn: (value) => (value === '' ? {} : decoded(index.factsIn(value as string))),
    withFacts: (value, facts) => index.withFacts(value as string, encoded(facts)),
  };
}

/** Of `current.json`, and of other documents of Holdfast's own. */
export const jsonFormat: ObjectFormat = {
  syntax: syntaxFor('current.json', undefined),
  nonce: 'blanks',
  contentType: 'application/json',
};

const textFormat = { syntax: fileSyntax('utf8'), nonce: 'blanks' } as const;

const NOTHING = '-';

function encoded({ generation, previous, revision }: PointerFacts): string {
  return [revision, generation ?? NOTHING, ...previous].join(' ');
}

function decoded(facts: string | undefined): unknown {
  if (facts === undefined) return undefined;
  const [revision = '', generation, ...previous] = facts.split(' ');
  return {
    generation: generation === NOTHING ? null : generation,
    previous,
    revision: /^\d+$/.test(revision) ? Number(revision) : undefined,
  };
}
