/** What is done about lines of a log that are not records. */
import { DamagedLine, type LogRecord } from './log-format.js';
import type { LogEntry } from './log-entries.js';
import { corruptLog } from './record-errors.js';

/** A line that is not a record. */
export interface LogDamage {
  /** Counted from 1. */
  readonly line: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly reason: string;
  /**
   * Left by an append that was never acknowledged: no record is lost with it, and it is never an
   * error.
   */
  readonly isTorn: boolean;
}

/** What becomes of a line that is no record. */
export type DamagePolicy = 'error' | 'skip' | ((damage: LogDamage) => void);

/** The record of an entry; `undefined` for damage that the policy passes over. */
export function judge(path: string, entry: LogEntry, policy: DamagePolicy): LogRecord | undefined {
  const { content } = entry;
  if (!(content instanceof DamagedLine)) return content;
  const { reason, isTorn } = content;
  const { line, offsetBytes, sizeBytes } = entry;
  if (typeof policy === 'function') policy({ line, offsetBytes, sizeBytes, reason, isTorn });
  else if (policy === 'error' && !isTorn) throw damagedLine(path, line, content);
  return undefined;
}

function damagedLine(path: string, line: number, { reason }: DamagedLine): Error {
  const message =
    `Line ${line} is not a record: ${reason}. Take it out with repairRecords, which ` +
    `keeps it aside and finds the records in it, or pass over such lines with onDamage: 'skip'.`;
  return corruptLog(path, message);
}
