/**
 * Many processes that append to one log, are killed and started again, and what must be in the log
 * afterwards.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readRecords } from 'holdfast';
import { numberedRecord, type NumberedRecord } from './numbered-record.js';

const program = fileURLToPath(new URL('append-child.js', import.meta.url));

/** What the writers of a log are to do. */
export interface Work {
  readonly log: string;
  readonly writers: number;
  /** The first number of each writer, and the one after its last. */
  readonly first: number;
  readonly end: number;
  /**
   * Kills a writer, in the midst of whatever it does, when it has acknowledged so many records
   * since its start.
   */
  readonly killAfter?: (writer: number, life: number) => number;
}

export interface Done {
  /** By writer. */
  readonly acknowledged: readonly (readonly number[])[];
  readonly kills: number;
}

/** Runs all writers side by side, each as often as it takes to come to its end. */
export async function runWriters(work: Work): Promise<Done> {
  const writers = Array.from({ length: work.writers }, (_, writer) => runWriter(work, writer));
  const done = await Promise.all(writers);
  return {
    acknowledged: done.map(({ acknowledged }) => acknowledged),
    kills: done.reduce((sum, { kills }) => sum + kills, 0),
  };
}

async function runWriter(
  work: Work,
  writer: number,
): Promise<{ readonly acknowledged: number[]; readonly kills: number }> {
  const acknowledged: number[] = [];
  let first = work.first;
  for (let kills = 0; ; kills += 1) {
    if (await liveOnce(work, writer, first, kills, acknowledged)) return { acknowledged, kills };
    // The record that was under way when its writer died may be there or not, so the next life
    // passes over it.
    first = (acknowledged.at(-1) ?? first - 1) + 2;
  }
}

/** Whether the writer came to its end. */
async function liveOnce(
  work: Work,
  writer: number,
  first: number,
  life: number,
  acknowledged: number[],
): Promise<boolean> {
  const args = [program, work.log, ...[writer, first, work.end].map(String)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const killAt = acknowledged.length + (work.killAfter?.(writer, life) ?? Infinity);
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line));
    if (acknowledged.length === killAt) child.kill('SIGKILL');
  }
  const [code, signal] = await exited;
  assert.ok(code === 0 || signal === 'SIGKILL', `writer ${writer} ended with ${code ?? signal}`);
  return code === 0;
}

/**
 * Every record is whole and there once, every acknowledged one is there, each writer's in order;
 * tells how many.
 */
export async function checkLog(log: string, { acknowledged }: Done): Promise<number> {
  const found = acknowledged.map((): number[] => []);
  let count = 0;
  for await (const record of readRecords<NumberedRecord>(log)) {
    assert.deepEqual(record, numberedRecord(record.writer, record.number));
    found[record.writer]?.push(record.number);
    count += 1;
  }
  for (const [writer, numbers] of found.entries()) {
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'in order',
    );
    const there = new Set(numbers);
    assert.equal(there.size, numbers.length, 'each once');
    const lost = acknowledged[writer]?.filter((number) => !there.has(number));
    assert.deepEqual(lost, [], `acknowledged to writer ${writer} and lost`);
  }
  return count;
}
