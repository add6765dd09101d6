/**
 * A broken promise: how every engine reports one, so that a person can read it, repeat it and look
 * at it.
 */
import type { TreeEntry } from '../model/tree.js';
import type { EngineName } from './scenario.js';

/** One line of the trace that led to it. */
export interface TraceLine {
  readonly text: string;
  /** What the crash did to it: `durable`, `kept`, `LOST page 0`, … */
  readonly fate: string;
}

/** A state after a crash in which a promise does not hold, and how it came about. */
export interface Violation {
  readonly engine: EngineName;
  readonly scenario: string;
  readonly seed: number;
  /** Which promise, in the words of the check. */
  readonly message: string;
  readonly trace: readonly TraceLine[];
  readonly acknowledged: readonly string[];
  /** What the crash left, where the engine holds it in memory. */
  readonly tree: readonly TreeEntry[];
}

/**
 * What messages share that differ in nothing but a system error, a random name or a number: one
 * fault shows often.
 */
export function kindOf(message: string): string {
  return message
    .replace(/\bE[A-Z0-9]+(?:: [a-z /-]+)?/g, 'E')
    .replace(/[0-9a-f]{8,}/g, 'ID')
    .replace(/-?\d+/g, 'N');
}

/** The violation for a person. */
export function printViolation(violation: Violation): string {
  const width = Math.max(...violation.trace.map(({ text }) => text.length), 0);
  const lines = violation.trace.map(
    ({ text, fate }, index) => `  ${String(index + 1).padStart(3)}  ${text.padEnd(width)}  ${fate}`,
  );
  return [
    `VIOLATION in ${violation.scenario} (${violation.engine} engine, seed ${violation.seed})`,
    `  ${violation.message.split('\n').join('\n  ')}`,
    'What the program did until the crash, and what became of it:',
    ...lines.map((line) => line.trimEnd()),
    `Acknowledged: ${violation.acknowledged.join(', ') || 'nothing'}`,
    'What the crash left:',
    ...violation.tree.map((entry) => `  ${printEntry(entry)}`),
  ].join('\n');
}

function printEntry(entry: TreeEntry): string {
  if (entry.kind === 'directory') return `${entry.path}/`;
  if (entry.kind === 'symlink') return `${entry.path} -> ${entry.target}`;
  const bytes = Buffer.from(entry.dataBase64, 'base64');
  return `${entry.path}  ${bytes.length} bytes  ${preview(bytes)}`;
}

function preview(bytes: Buffer): string {
  if (bytes.length > 0 && bytes.every((byte) => byte === 0)) return 'all zeros';
  const text = JSON.stringify(bytes.subarray(0, 60).toString('latin1'));
  return bytes.length > 60 ? `${text}…` : text;
}
