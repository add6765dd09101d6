/**
 * Reads what `strace -f -y -xx` writes. With `-xx` every string and every path of a descriptor is
 * in hexadecimal, so commas and brackets only ever separate arguments.
 */

/** One line, or the two halves of one that another thread's line interrupted. */
export type SyscallEvent =
  | { readonly kind: 'begin'; readonly tid: number; readonly name: string }
  | ({ readonly kind: 'end' } & Syscall);

export interface Syscall {
  readonly tid: number;
  readonly name: string;
  /** As printed: `18<\x2f…>`, `"\x61"`, `O_WRONLY|O_CREAT`, `[{iov_base="…", iov_len=3}]`. */
  readonly args: readonly string[];
  /** -1 for an error. */
  readonly result: number;
}

/** The system calls of a log, in order: each begins, and ends. */
export function* parseStraceLog(log: string): Generator<SyscallEvent> {
  const interrupted = new Map<number, string>();
  for (const line of log.split('\n')) {
    const [, tidText = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const tid = Number(tidText);
    const begun = /^(\w+)\((.*)<unfinished \.\.\.>$/.exec(rest);
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (begun) {
      interrupted.set(tid, rest.slice(0, -'<unfinished ...>'.length));
      yield { kind: 'begin', tid, name: begun[1] as string };
    } else if (resumed) {
      yield* ended(tid, (interrupted.get(tid) ?? '') + (resumed[1] as string));
    } else {
      const name = /^(\w+)\(/.exec(rest)?.[1];
      if (name) yield { kind: 'begin', tid, name };
      yield* ended(tid, rest);
    }
  }
}

/** A path or string argument as bytes: the content of its quotes. */
export function bytesOf(arg: string): Buffer {
  const hex = /"((?:\\x[0-9a-f]{2})*)"/.exec(arg)?.[1] ?? '';
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
}

/** The number of a descriptor argument, and the path that strace shows for it. */
export function descriptorOf(arg: string): { readonly fd: number; readonly path: string } {
  const [, fd = '-1', hex = ''] = /^(-?\w+)(?:<((?:\\x[0-9a-f]{2})*)>)?/.exec(arg) ?? [];
  const path = Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString();
  return { fd: Number(fd), path };
}

function* ended(tid: number, text: string): Generator<SyscallEvent> {
  const match = /^(\w+)\((.*)\)\s+= (-?\d+|\?|0x[0-9a-f]+)/s.exec(text);
  if (!match) return;
  const [, name = '', args = '', result = ''] = match;
  yield { kind: 'end', tid, name, args: splitArguments(args), result: Number(result) || 0 };
}

/** Splits at the commas that no bracket encloses. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let [depth, from] = [0, 0];
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] as string;
    if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(from, index).trim());
      from = index + 1;
    }
  }
  return [...parts, text.slice(from).trim()];
}
