/**
 * Any sequence of calls on a log, of crashes and of other programs' doings, compared with an array
 * in memory.
 */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { test } from 'node:test';
import { runs, temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { appendRecords } from '#src/records/append-records.js';
import { compactRecords } from '#src/records/compact-records.js';
import type { LogFormatName } from '#src/records/log-format.js';
import { readRecords } from '#src/records/read-records.js';

interface Row {
  readonly id: string;
  readonly at: string;
  readonly text: string;
}

interface Log {
  readonly path: string;
  readonly format: LogFormatName;
  /** Whether it ends in a whole line, so that another program may append one. */
  readonly isWhole: boolean;
}

/** Something that happens to a log, with the array that the log then has to equal. */
type Action = (log: Log, model: readonly Row[]) => Promise<readonly Row[]>;

const text = fc.string({
  unit: fc.constantFrom('a', '"', "'", ',', ';', ' ', '{', '}', '\\', 'é', '😀', '0'),
});
const row = fc.record(
  {
    id: fc.constantFrom('1', '2', '3'),
    at: fc.constantFrom('a', 'b', 'c'),
    text,
  },
  { noNullPrototype: true },
);
const columns = ['id', 'at', 'text'];

const append = fc
  .array(fc.array(row, { maxLength: 3 }), { maxLength: 3 })
  .map((calls): Action => async ({ path, format }, model) => {
    const options = format === 'csv' ? { columns } : {};
    await Promise.all(calls.map((rows) => appendRecords(path, rows, options)));
    return [...model, ...calls.flat()];
  });

const appendByAnother = row.map((foreign): Action => async ({ path, format, isWhole }, model) => {
  if (!isWhole) return model;
  appendFileSync(path, foreignLine(format, foreign));
  return [...model, foreign];
});

const share = fc.double({ min: 0, max: 0.99, noNaN: true });

const tear = fc
  .tuple(row, share)
  .map(([torn, keep]): Action => async ({ path, format, isWhole }, model) => {
    const line = Buffer.from(foreignLine(format, torn));
    if (isWhole) appendFileSync(path, line.subarray(0, (line.length - 1) * keep));
    return model;
  });

const dieWhileCreating = share.map((keep): Action => async ({ path }) => {
  rmSync(path, { force: true });
  await appendRecords(path, [{ id: '1', at: 'a', text: 'first' }]);
  truncateSync(path, Math.floor((statSync(path).size - 1) * keep));
  return [];
});

const compact = fc.boolean().map((byTime): Action => async ({ path }, model) => {
  if (!existsSync(path)) return model;
  await compactRecords(path, { key: 'id', latestBy: byTime ? 'at' : undefined });
  return lastWrites(model, byTime);
});

const action = fc.oneof(append, appendByAnother, tear, dieWhileCreating, compact);

/** A line as another program writes it: CSV with every cell quoted. */
function foreignLine(format: LogFormatName, { id, at, text: note }: Row): string {
  if (format === 'jsonl') return `${JSON.stringify({ id, at, text: note })}\n`;
  return `${[id, at, note].map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\n`;
}

function lastWrites(rows: readonly Row[], byTime: boolean): Row[] {
  const isLast = (one: Row, index: number): boolean =>
    rows.every((other, at) => {
      if (other.id !== one.id || at === index) return true;
      return byTime && other.at !== one.at ? other.at < one.at : at < index;
    });
  return rows.filter(isLast);
}

function openModel(path: string, format: LogFormatName): Log {
  const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  return { path, format, isWhole: content.at(-1) === 0x0a };
}

async function readAll(path: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const record of readRecords(path)) rows.push(record);
  return rows;
}

for (const format of ['jsonl', 'csv'] as const) {
  test(`after any calls, tears and foreign appends a ${format} log holds what an array would`, async (t) => {
    const directory = temporaryDirectory(t);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (steps) => {
        const path = `${directory}/${(run += 1)}.${format}`;
        let model: readonly Row[] = [];
        for (const step of steps) {
          model = await step(openModel(path, format), model);
          assert.deepEqual(await readAll(path), model);
        }
      }),
      { numRuns: 30 * runs },
    );
  });
}
