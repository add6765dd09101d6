/** Tells the value of a JSON document, now and after every change (watch-file.ts). */
import { syntaxFor } from '../json/document.js';
import type { JsonValue } from '../json/json-value.js';
import { readWords, type JsonSyntaxName } from '../document/update-options.js';
import { checkOptions, checkWords } from '../options.js';
import { watchOptionNames, type WatchOptions } from './changes.js';
import { Watch } from './watch-file.js';

/** How a JSON document is watched. */
export interface WatchJsonOptions extends WatchOptions {
  /**
   * `jsonc`: comments and trailing commas may be in it. By default a file named `.jsonc` is such a
   * document.
   */
  readonly syntax?: JsonSyntaxName | undefined;
}

/**
 * Watches a JSON document as `watchFile` watches a file: an async iterable of its value, now and
 * after every change of its text; `undefined` while the file is missing or empty.
 *
 * What cannot be parsed is looked at again for a quarter of a second; if it stays so, that is
 * CORRUPT_DOCUMENT, which ends the watch.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT and UNREPRESENTABLE, as `readJson`; and those of
 *   `watchFile`
 */
export function watchJson<T = JsonValue>(
  path: string,
  options: WatchJsonOptions = {},
): AsyncGenerator<T | undefined, void> {
  checkOptions('watchJson', options, [...watchOptionNames, 'syntax']);
  checkWords('watchJson', path, options, readWords);
  const { syntax: name, ...rest } = options;
  const syntax = syntaxFor(path, name);
  return new Watch(path, rest, (content) => {
    const document = syntax.open(path, content, {});
    return document.exists ? (document.takeValue(undefined) as T) : undefined;
  });
}
