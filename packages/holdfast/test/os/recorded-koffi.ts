/**
 * A koffi that calls nothing: it notes what is loaded, declared and called, and answers from a
 * table.
 */
export type Koffi = typeof import('koffi');
export type Answer = (...args: unknown[]) => number;

export interface RecordedKoffi {
  readonly koffi: Koffi;
  /** Each call: the name of the function, then its arguments. */
  readonly calls: unknown[][];
  readonly libraries: string[];
}

/**
 * @param answers - what the functions give, 0 by default; @param errno - what errno is afterwards
 */
export function recordedKoffi(answers: Readonly<Record<string, Answer>>, errno = 0): RecordedKoffi {
  const calls: unknown[][] = [];
  const libraries: string[] = [];
  const func = (declaration: string): unknown => {
    const name = /(\w+)\(/.exec(declaration)?.[1] ?? '';
    const call = (...args: unknown[]): number => {
      calls.push([name, ...args]);
      return answers[name]?.(...args) ?? 0;
    };
    const async = (...args: unknown[]): void => {
      const done = args.pop() as (error: unknown, result: number) => void;
      done(null, call(...args));
    };
    return Object.assign(call, { async });
  };
  const koffi = {
    load(library: string) {
      libraries.push(library);
      return { func };
    },
    errno: () => errno,
  };
  return { koffi: koffi as unknown as Koffi, calls, libraries };
}
