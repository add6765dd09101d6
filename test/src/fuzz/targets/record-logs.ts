/**
 * Logs of records, JSON Lines and CSV: read strictly and leniently, mended by an append, and
 * compacted.
 */
import { appendRecords, compactRecords, readRecords } from 'holdfast';
import type { FuzzTarget } from '../target.js';

async function readAll(path: string, onDamage: 'skip' | 'error'): Promise<void> {
  for await (const record of readRecords(path, { onDamage })) void record;
}

async function readEveryWay(path: string): Promise<void> {
  await readAll(path, 'skip');
  await appendRecords(path, [{ id: 'new', value: '1' }]);
  await compactRecords(path, { key: 'id', onDamage: 'skip' });
  await readAll(path, 'error');
}

const jsonLines: readonly string[] = [
  '{"id":"a","value":"1"}\n{"id":"b","value":2}\n{"id":"a","value":[{}]}\n',
  '{"id":"a"}\r\n\r\n{"id":"b","text":"\\u2028é"}',
  '{"id":"a"}\n\0\0\0\0\0\n{"id":"torn',
  '\ufeff{"id":1}\n',
  '',
];

export const jsonl: FuzzTarget = {
  fileName: 'log.jsonl',
  words: ['\n', '\r\n', '{', '}', '{"id":', '"id":"a"', '\0'.repeat(64), '[', 'null', '\u2028'],
  seeds: async () => jsonLines.map((text) => Buffer.from(text)),
  read: readEveryWay,
};

const tables: readonly string[] = [
  'id,value\na,1\nb,2\na,"3, ""quoted"""\n',
  'id;value\r\na;1\r\nb;2',
  "'id'\t'value'\n'a'\t'1'\n",
  '\ufeffid|value\na|\n|b\n',
  'id,value\na,1\n\0\0\0\0\nb,',
];

export const csv: FuzzTarget = {
  fileName: 'log.csv',
  words: ['\n', '\r\n', ',', ';', '\t', '|', '"', "'", '""', '\0'.repeat(64), 'id', 'value'],
  seeds: async () => tables.map((text) => Buffer.from(text)),
  read: readEveryWay,
};
