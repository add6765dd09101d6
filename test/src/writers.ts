/** Starts writers of a shared document, ours and Python's, and collects what they acknowledge. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `json` and `manifest` are ours; `python` does what Metaflow's proposed fix does. */
export type WriterKind = 'json' | 'manifest' | 'python';

export interface Writer {
  readonly process: ChildProcess;
  /** The keys of the updates that it has acknowledged. */
  readonly acknowledged: readonly string[];
  /** Resolves when it has acknowledged so many. */
  acknowledges(count: number): Promise<void>;
  /**
   * Resolves to its exit status when it has ended and all it said was read; `null` after a signal.
   */
  readonly ended: Promise<number | null>;
}

const ourProgram = fileURLToPath(new URL('document-writer.js', import.meta.url));
export const pythonFolder: string = fileURLToPath(new URL('../python', import.meta.url));

/** Starts a writer of `count` updates, or of as many as it can make until it is killed. */
export function startWriter(kind: WriterKind, path: string, name: string, count: number): Writer {
  const operands = [path, name, String(count)];
  const child =
    kind === 'python'
      ? spawn('python3', [`${pythonFolder}/atomic_writer.py`, ...operands], { stdio })
      : spawn(process.execPath, [ourProgram, kind, ...operands], { stdio });
  const acknowledged: string[] = [];
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on('line', (line) => acknowledged.push(line));
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(
    ([[status]]) => status as number | null,
  );
  const acknowledges = async (wanted: number): Promise<void> => {
    const died = ended.then(() => {
      throw new Error(`${name} ended before it had acknowledged ${wanted} updates`);
    });
    while (acknowledged.length < wanted) await Promise.race([once(lines, 'line'), died]);
    died.catch(() => undefined);
  };
  return { process: child, acknowledged, acknowledges, ended };
}

const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
