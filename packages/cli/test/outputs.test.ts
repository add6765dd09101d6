import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url));

/** Runs a shell line in which `holdfast` is this one. */
function shell(
  cwd: string,
  line: string,
): { readonly status: number | null; readonly err: string } {
  const script = `holdfast() { '${process.execPath}' '${bin}' "$@"; }; ${line}`;
  const { status, stderr } = spawnSync('bash', ['-c', script], { cwd, encoding: 'utf8' });
  return { status, err: stderr };
}

function directoryWithDocument(t: Parameters<typeof temporaryDirectory>[0]): string {
  const root = temporaryDirectory(t);
  const members = Array.from({ length: 50_000 }, (_, index) => [`key${index}`, index]);
  writeFileSync(`${root}/a.json`, JSON.stringify(Object.fromEntries(members)));
  return root;
}

test('a reader that has enough ends any command without a word', (t) => {
  const root = directoryWithDocument(t);
  for (const command of ['json get a.json', 'json set a.json /key1 5 --json']) {
    const line = `holdfast ${command} | head -c 10 >/dev/null; exit "\${PIPESTATUS[0]}"`;
    assert.deepEqual(shell(root, line), { status: 0, err: '' }, command);
  }
});

test(
  'a result that cannot be written is one sentence and status 7',
  { skip: !existsSync('/dev/full') },
  (t) => {
    const root = directoryWithDocument(t);
    const { status, err } = shell(root, 'holdfast json get a.json > /dev/full');
    assert.equal(status, 7);
    assert.match(err, /^holdfast: standard output cannot be written: ENOSPC.*\n$/);
  },
);
