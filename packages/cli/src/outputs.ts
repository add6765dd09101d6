/**
 * Everything that the command line says goes through here. Names of files, texts of documents and
 * words of other programs may hold anything: a control character among them would set the title of
 * a terminal, wipe its screen or forge a line. So nothing is written but a {@link Shown}, in which
 * all that was put into it is escaped and only the layout is ours. Nobody else writes to the
 * standard streams (test/outputs.test.ts).
 */
import type { OutputConfiguration } from 'commander';
import { errorCodes } from 'holdfast';

/** Text that is fit for a terminal. */
export class Shown {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * What no terminal may get from a name: C0, DEL and C1 (ECMA-48), line and paragraph separators,
 * and what turns the direction of the text around (Unicode Standard Annex 9).
 */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const CONTROLS_IN_LINES = new RegExp(`(?!\n)${CONTROLS.source}`, 'gu');

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What makes of a template the text to print: its own words stay, what is put in is escaped. */
export function shown(
  words: TemplateStringsArray,
  ...values: readonly (Shown | string | number)[]
): Shown {
  const text = values.map(
    (value, index) => (value instanceof Shown ? value.text : escaped(value)) + words[index + 1],
  );
  return new Shown(`${words[0]}${text.join('')}`);
}

/** One line each. */
export function linesOf(lines: readonly Shown[]): Shown {
  return new Shown(lines.map(({ text }) => text).join('\n'));
}

/** A text of several lines by another program or package. */
export function textOf(text: string): Shown {
  return new Shown(text.replace(CONTROLS_IN_LINES, escapeOf));
}

/**
 * A value as JSON, in which control characters are escaped as JSON itself can: who reads it gets
 * what was there.
 */
export function jsonOf(value: unknown, indent?: number): Shown {
  return new Shown(JSON.stringify(value, undefined, indent).replace(CONTROLS_IN_LINES, inJson));
}

/** A text that is the result itself: as it is for a program, and escaped for a terminal. */
export function resultOf(text: string): Shown {
  return process.stdout.isTTY ? textOf(text) : new Shown(text);
}

/** Prints a result and ends its line. False when the reader is slower: wait for `drain`. */
export function print({ text }: Shown): boolean {
  return process.stdout.write(`${text}\n`);
}

/** Says something on standard error, beside the result, and ends its line. */
export function tell({ text }: Shown): void {
  process.stderr.write(`${text}\n`);
}

/**
 * Help, and mistakes in the arguments, which are told in one line and perhaps a second one of
 * advice.
 */
export const commandOutput: OutputConfiguration = {
  writeOut: (text) => void process.stdout.write(textOf(text).text),
  writeErr: (text) => void process.stderr.write(textOf(text).text),
  outputError: (text, write) => {
    const [, mistake = '', advice = ''] =
      /^([^]*?)(\n\(Did you mean [^\n]*\))?\n*$/.exec(text) ?? [];
    write(`${escaped(mistake)}${advice}\n`);
  },
};

/**
 * Ends the command without a word when nobody reads its result any more, as `head` does to its left
 * in a pipe, and with one when the result is lost. A result is the last thing that a command
 * writes, or all that it does.
 */
export function endWithOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    tell(shown`holdfast: standard output cannot be written: ${error.message}`);
    process.exit(errorCodes.IO.exitCode);
  });
  // Whoever does not read messages loses these and no more.
  process.stderr.on('error', () => undefined);
}

function escaped(value: string | number): string {
  return String(value).replace(CONTROLS, escapeOf);
}

function escapeOf(control: string): string {
  const code = control.charCodeAt(0);
  return SHORT_ESCAPES[control] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
}

function inJson(control: string): string {
  return `\\u${hex(control.charCodeAt(0), 4)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
