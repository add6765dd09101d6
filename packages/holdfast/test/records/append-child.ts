/**
 * A program that appends numbered records to a log one after another, and prints each number once
 * it is acknowledged: append-child.js LOG WRITER FIRST END
 */
import { writeSync } from 'node:fs';
import { appendRecords } from 'holdfast';
import { numberedRecord } from './numbered-record.js';

const [log, writer, first, end] = process.argv.slice(2) as [string, string, string, string];

for (let number = Number(first); number < Number(end); number += 1) {
  await appendRecords(log, [numberedRecord(Number(writer), number)]);
  writeSync(1, `${number}\n`);
}
