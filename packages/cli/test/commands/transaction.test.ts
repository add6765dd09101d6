import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

function run(
  cwd: string,
  args: readonly string[],
  input: unknown = '',
): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd,
    encoding: 'utf8',
    input: typeof input === 'string' ? input : JSON.stringify(input),
  });
  return { status, out: stdout, err: stderr };
}

test('a described transaction makes every kind of change', (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/build/sub`, { recursive: true });
  writeFileSync(`${root}/build/sub/page`, 'page');
  writeFileSync(`${root}/state.json`, '{"release":41}');
  writeFileSync(`${root}/draft`, 'draft');
  writeFileSync(`${root}/old`, 'old');
  const { status, out, err } = run(
    root,
    ['transaction', '.', '--json'],
    [
      { replaceFile: 'a', data: 'text', mode: '640' },
      { replaceFile: 'b', base64: 'AAE=' },
      { replaceFile: 'c', from: 'draft' },
      { updateJson: 'state.json', merge: { release: 42 } },
      { updateJson: 'list.json', patch: [{ op: 'add', path: '/-', value: 1 }], initial: [] },
      { publishDirectory: 'site', from: 'build' },
      { remove: 'old' },
      { rename: 'draft', to: 'final' },
    ],
  );
  assert.equal(status, 0, err);
  assert.deepEqual(JSON.parse(out), { root: '.', changes: 8 });
  assert.equal(readFileSync(`${root}/a`, 'utf8'), 'text');
  assert.equal(statSync(`${root}/a`).mode & 0o777, 0o640);
  assert.deepEqual([...readFileSync(`${root}/b`)], [0, 1]);
  assert.equal(readFileSync(`${root}/c`, 'utf8'), 'draft');
  assert.equal(readFileSync(`${root}/state.json`, 'utf8'), '{"release":42}');
  assert.deepEqual(JSON.parse(readFileSync(`${root}/list.json`, 'utf8')), [1]);
  assert.equal(readFileSync(`${root}/site/sub/page`, 'utf8'), 'page');
  assert.deepEqual([existsSync(`${root}/old`), existsSync(`${root}/draft`)], [false, false]);
});

test('a directory is copied with its modes, empty directories and symlinks, and a FIFO in it is refused', (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'build/sub/empty'), { recursive: true });
  writeFileSync(join(root, 'build/run'), 'run', { mode: 0o755 });
  chmodSync(join(root, 'build/run'), 0o4755);
  writeFileSync(join(root, 'build/sub/kept'), 'kept', { mode: 0o600 });
  symlinkSync('../sub/kept', join(root, 'build/sub/link'));
  chmodSync(join(root, 'build/sub'), 0o555);
  const publish = (): ReturnType<typeof run> =>
    run(
      root,
      ['transaction', '.'],
      [{ publishDirectory: 'site', from: 'build', ifExists: 'replace' }],
    );
  const { status, err } = publish();
  assert.equal(status, 0, err);
  const modeOf = (name: string): number => statSync(join(root, 'site', name)).mode & 0o7777;
  assert.deepEqual([modeOf('run'), modeOf('sub'), modeOf('sub/kept')], [0o755, 0o555, 0o600]);
  assert.ok(existsSync(join(root, 'site/sub/empty')));
  assert.equal(readlinkSync(join(root, 'site/sub/link')), '../sub/kept');
  for (const name of ['build/sub', 'site/sub']) chmodSync(join(root, name), 0o755);
  execFileSync('mkfifo', [join(root, 'build/pipe')]);
  const refused = publish();
  assert.match(refused.err, /fifo/u);
  assert.notEqual(refused.status, 0);
  assert.equal(readFileSync(join(root, 'site/run'), 'utf8'), 'run');
});

test('a malformed description is refused with status 2, and nothing is staged', (t) => {
  const root = temporaryDirectory(t);
  const malformed: unknown[] = [
    '{"replaceFile": "a"',
    { replaceFile: 'a', data: 'x' },
    [{ replaceFile: 'a', data: 'x', modus: '644' }],
    [{ replaceFile: 'a', data: 'x' }, { destroy: 'b' }],
    [{ replaceFile: 'a', remove: 'b' }],
    [{ remove: 5 }],
    [
      { replaceFile: 'a', data: 'x' },
      { replaceFile: '../b', data: 'x' },
    ],
  ];
  for (const input of malformed) {
    const { status } = run(root, ['transaction', '.'], input);
    assert.ok(status === 2 || (typeof input === 'string' && status === 10), JSON.stringify(input));
    assert.deepEqual(readdirSync(root), []);
  }
});

test('a file to copy that is missing, and bytes that are none, change nothing and are told in a sentence', (t) => {
  const root = temporaryDirectory(t);
  const missing = run(root, ['transaction', '.'], [{ replaceFile: 'a', from: 'missing' }]);
  assert.deepEqual([missing.status, readdirSync(root)], [11, []]);
  assert.match(missing.err, /^holdfast: The stream .* failed.*\n  because: ENOENT.*\n$/);
  for (const base64 of ['!', 'AAE=AAE=', 'A']) {
    const { status, err } = run(root, ['transaction', '.'], [{ replaceFile: 'a', base64 }]);
    assert.deepEqual([status, readdirSync(root)], [2, []], base64);
    assert.match(err, /none of its digits/);
  }
  const lax = [{ replaceFile: 'a', base64: ' AA\nE' }];
  assert.equal(run(root, ['transaction', '.'], lax).status, 0);
  assert.deepEqual([...readFileSync(`${root}/a`)], [0, 1]);
});

test('recover says what it found, and refuses a foreign journal with status 12', (t) => {
  const root = temporaryDirectory(t);
  const nothing = run(root, ['recover', '.', '--json']);
  assert.deepEqual(JSON.parse(nothing.out), {
    root,
    journal: 'none',
    changes: [],
    overwrites: [],
    dryRun: false,
  });
  writeFileSync(`${root}/.holdfast-journal`, '', { mode: 0o600 });
  assert.match(run(root, ['recover', '.', '--dry-run']).out, /is to be thrown away/);
  assert.match(run(root, ['recover', '.']).out, /was thrown away/);
  writeFileSync(`${root}/.holdfast-journal`, 'mine', { mode: 0o600 });
  const { status, err } = run(root, ['recover', '.']);
  assert.equal(status, 12);
  assert.match(err, /not a journal of Holdfast/);
  assert.equal(readFileSync(`${root}/.holdfast-journal`, 'utf8'), 'mine');
});
