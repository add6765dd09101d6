/**
 * The library's messages in the words of the command line: its errors name options and calls of the
 * library, and whoever reads one here can do nothing with them. What stands for an option or a call
 * of the library is a row of the table; a test (test/own-words.test.ts) holds every message of the
 * packages against it.
 */
import type { HoldfastError } from 'holdfast';

const DIRECTORIES_MADE = 'updateJson and its kin make the directory of their document';

/** From the longer to the shorter, since what is replaced is not looked at again. */
const words: readonly (readonly [library: string, here: string])[] = [
  // What is to be done.
  ['Leave out inPlace', 'Leave out --in-place'],
  ["inPlace: 'ifNeeded'", 'holdfast put --in-place ifNeeded'],
  ["ifExists: 'replace'", '--replace'],
  ["ifExists: 'fail'", '--if-exists fail'],
  ["withoutExchange: 'twoRenames'", '--two-renames'],
  ["onEmpty: 'initial'", '--on-empty initial'],
  ["onDamage: 'skip'", '--skip-damaged'],
  [DIRECTORIES_MADE, 'holdfast json, env, toml and yaml make the directory of their document'],
  ['`updateJson` and its kin make', 'holdfast json, env, toml and yaml make'],
  ['repairRecords', 'holdfast records repair'],
  ['update the file with updateFile', 'replace the file with holdfast put'],
  ['a number of listPrevious', 'a number that holdfast history shows'],
  ['withLock', 'holdfast lock'],
  ['readJson, readRecords or openVrt', 'holdfast json get, records read or verify'],
  ['ask for its bytes', 'take it as it is'],
  ['The caller ended the call.', 'It was interrupted.'],
  ["leave out bigTiff: 'never', or compress more", 'compress more'],
  // Options.
  ['allowOverlaps, --allow-overlaps', '--allow-overlaps'],
  ['allowHoles, --allow-holes', '--allow-holes'],
  ['recursive, --recursive', '--recursive'],
  ['keep, key and latestBy', '--keep, --key and --latest-by'],
  ['it needs key', 'it needs --key'],
  ['persistent and pollMs are for follow', '--poll is for --follow'],
  ['lockPath, guard, alsoFcntl and timeoutMs', '--lock-file, --guard, --also-fcntl and --timeout'],
  ['timeoutMs is for guard and alsoFcntl', '--timeout is for --guard and --also-fcntl'],
  ['guard is ', '--guard is '],
  ['staleMs of a guard', '--guard-stale, in milliseconds,'],
  ['staleMs', '--guard-stale'],
  ['updateMs', 'how often it is refreshed'],
  ['alsoFcntl', '--also-fcntl'],
  ['lockPath', '--lock-file'],
  ['timeoutMs', '--timeout'],
  ['fileMode', '--file-mode'],
  ['keepPrevious', '--keep'],
  ['partCount', 'the number of parts'],
  ['previousDirectory', '--keep-in'],
  ['ifExists', '--if-exists'],
  ['onCorrupt', '--quarantine and --restore'],
  ['onEmpty', '--on-empty'],
  ['maxBytes', '--max-bytes'],
  ['latestBy', '--latest-by'],
  ['pollMs', '--poll'],
  ['salvageTo', '--salvage'],
  ['keepForMs', '--keep-for'],
  ['skipEmpty', '--skip-empty'],
  ['tileSizePx', '--tile-size'],
  ['blockSizePx', '--block-size'],
  ['maxSizePx', '--size'],
  ['say allowHttp', 'say --allow-http'],
  ['trust it (trusted: true)', 'trust it (--trust-store)'],
  ['or give `credentials`', 'the keys of the account'],
  // What only programs say.
  ['Raise maxIndexBytes if it is to be trusted.', 'Only a program can raise this limit.'],
  ['raise maxTileBytes if the mosaic is to be trusted', 'only a program can raise this limit'],
  ['read smaller windows, or raise maxSamples', 'read smaller windows (--window)'],
  ['give its attributes as gridMapping, or crs and transform', 'give --srs and --transform'],
  ['maxZError', 'the largest error of LERC'],
  ['maxBands', 'the limit'],
  ['maxBlockBytes', 'the limit of a block'],
  ['stagingBytes', 'the memory for staging'],
  ['{ count, maxAgeDays }', 'count and age'],
  ['keepSetAside', '--set-aside-count, --set-aside-age'],
];

const pattern = new RegExp(words.map(([library]) => escaped(library)).join('|'), 'gu');
const here = new Map(words);

/** A sentence of the library as the command line says it. */
export function inOwnWords(sentence: string): string {
  return sentence.replaceAll(pattern, (library) => here.get(library) ?? library);
}

/** The message of an error. What stands in its brackets, a path among it, is no word of anybody. */
export function messageInOwnWords({ message, code }: HoldfastError): string {
  const facts = message.lastIndexOf(` [${code}`);
  if (facts < 0) return inOwnWords(message);
  return inOwnWords(message.slice(0, facts)) + message.slice(facts);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/gu, String.raw`\$&`);
}
