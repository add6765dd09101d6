/**
 * Logs in git: a line-wise union merge of two branches is again a log, and compaction cleans it.
 * Needs git.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { appendRecords, compactRecords, readRecords } from 'holdfast';

function repository(directory: string): (...args: string[]) => string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org'];
  const git = (...args: string[]): string =>
    execFileSync('git', [...identity, ...args], { cwd: directory, encoding: 'utf8' });
  git('init', '-q', '-b', 'main');
  writeFileSync(`${directory}/.gitattributes`, '*.jsonl merge=union\n*.csv merge=union\n');
  writeFileSync(`${directory}/.gitignore`, '*.lock\n');
  git('add', '-A');
  git('commit', '-qm', 'begin');
  return git;
}

async function readAll(path: string): Promise<object[]> {
  const all: object[] = [];
  for await (const record of readRecords(path)) all.push(record);
  return all;
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);
const sorted = (records: readonly object[]): string[] =>
  records.map((record) => JSON.stringify(record)).toSorted(byText);

for (const ending of ['jsonl', 'csv']) {
  for (const isThereBefore of [true, false]) {
    const when = isThereBefore ? 'grew on two branches' : 'was made on two branches';
    test(`a ${ending} log that ${when} is a log after a union merge`, async (t) => {
      const directory = temporaryDirectory(t);
      const path = `${directory}/log.${ending}`;
      const git = repository(directory);
      const base = [
        { id: 'a', v: '1' },
        { id: 'b', v: 'quote " and, comma' },
      ];
      if (isThereBefore) {
        await appendRecords(path, base);
        git('add', '-A');
        git('commit', '-qm', 'base');
      }
      const ours = [
        { id: 'c', v: 'ours' },
        { id: 'a', v: 'ours too' },
      ];
      const theirs = [
        { id: 'd', v: 'theirs' },
        { id: 'b', v: 'theirs too' },
      ];
      git('checkout', '-qb', 'other');
      await appendRecords(path, theirs);
      git('add', '-A');
      git('commit', '-qm', 'theirs');
      git('checkout', '-q', 'main');
      await appendRecords(path, ours);
      git('add', '-A');
      git('commit', '-qm', 'ours');
      git('merge', '-q', '--no-edit', 'other');

      const expected = [...(isThereBefore ? base : []), ...ours, ...theirs];
      assert.deepEqual(sorted(await readAll(path)), sorted(expected));
      await compactRecords(path, { key: 'id' });
      const last = new Map(expected.map((record) => [record.id, record]));
      assert.deepEqual(sorted(await readAll(path)), sorted([...last.values()]));
      await appendRecords(path, [{ id: 'e', v: 'after' }]);
      assert.equal((await readAll(path)).length, last.size + 1);
    });
  }
}
