import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { acquireLock } from 'holdfast';

const holdfast = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function run(cwd: string, input: string | Uint8Array, ...args: string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [holdfast, ...args], {
    cwd,
    input,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

function start(cwd: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [holdfast, ...args], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
}

test('put replaces a file by a long standard input, in a pipe that reads the same file', (t) => {
  const root = temporaryDirectory(t);
  const lines = Array.from({ length: 200_000 }, (_, index) => `line ${index}\n`).join('');
  writeFileSync(`${root}/a`, lines);
  const pipe = `sed s/line/row/ a | '${process.execPath}' '${holdfast}' put a`;
  assert.equal(spawnSync('sh', ['-c', pipe], { cwd: root }).status, 0);
  assert.equal(readFileSync(`${root}/a`, 'utf8'), lines.replaceAll('line', 'row'));
  assert.deepEqual(readdirSync(root), ['a']);
});

test('--in-place keeps the inode and every name of a file with hard links, whatever its format', (t) => {
  const root = temporaryDirectory(t);
  const files: readonly (readonly [
    name: string,
    before: string,
    command: string[],
    after: string,
  ])[] = [
    ['plain', 'old', ['put', '--in-place', 'plain'], 'new'],
    ['a.json', '{"a":1}', ['json', 'set', '--in-place', 'a.json', '/a', '2'], '{"a":2}'],
    [
      'a.toml',
      'a = 1 # one\n',
      ['toml', 'set', '--in-place', 'a.toml', '/a', '2'],
      'a = 2 # one\n',
    ],
    ['.env', 'A=1\n', ['env', 'set', '--in-place', 'always', '.env', '/A', '"2"'], 'A=2\n'],
  ];
  for (const [name, before, command, after] of files) {
    writeFileSync(`${root}/${name}`, before);
    linkSync(`${root}/${name}`, `${root}/${name}.other`);
    const { ino } = statSync(`${root}/${name}`);
    const { status, err } = run(root, 'new', ...command);
    assert.equal(status, 0, err);
    assert.equal(statSync(`${root}/${name}`).ino, ino);
    assert.equal(readFileSync(`${root}/${name}.other`, 'utf8'), after);
  }
  assert.equal(run(root, 'newer', 'put', 'plain').status, 0);
  assert.equal(readFileSync(`${root}/plain.other`, 'utf8'), 'new', 'without it the link is left');
});

test('put gives the mode that it is told, keeps a secret, and refuses to replace on request', (t) => {
  const root = temporaryDirectory(t);
  assert.equal(run(root, 'x', 'put', '--mode', '0640', 'a').status, 0);
  assert.equal(statSync(`${root}/a`).mode & 0o777, 0o640);
  assert.equal(run(root, 'y', 'put', '--secret', 'a').status, 0);
  assert.equal(statSync(`${root}/a`).mode & 0o777, 0o600);
  const refused = run(root, 'z', 'put', '--if-exists', 'fail', 'a');
  assert.equal(refused.status, 4);
  assert.match(refused.err, /ALREADY_EXISTS.*Nothing was changed/su);
  assert.equal(readFileSync(`${root}/a`, 'utf8'), 'y');
  assert.equal(run(root, '', 'put', '--mode', '9', 'a').status, 2);
  assert.equal(run(root, '', 'put', '--durability', 'maybe', 'a').status, 2);
});

test('put that is ended by a signal leaves the old file and nothing beside it', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(`${root}/a`, 'old');
  const child = start(root, 'put', 'a');
  child.stdin?.write('half of the new');
  while (readdirSync(root).length < 2) await new Promise(setImmediate);
  child.kill('SIGTERM');
  const [status] = (await once(child, 'exit')) as [number];
  assert.equal(status, 130);
  assert.deepEqual(readdirSync(root), ['a']);
  assert.equal(readFileSync(`${root}/a`, 'utf8'), 'old');
});

test('lock holds the lock of the file while the command runs, and exits with its status', async (t) => {
  const root = temporaryDirectory(t);
  const child = start(root, 'lock', 'a', '--', 'sh', '-c', 'echo held; read line; exit 7');
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  await assert.rejects(acquireLock(`${root}/a`, { timeoutMs: 0 }), { code: 'LOCK_TIMEOUT' });
  const late = run(root, '', 'lock', '--timeout', '0.05', 'a', '--', 'touch', 'never');
  assert.equal(late.status, 8);
  assert.equal(existsSync(`${root}/never`), false);
  child.stdin?.end('go\n');
  const [status] = (await once(child, 'exit')) as [number];
  assert.equal(status, 7);
  await (await acquireLock(`${root}/a`, { timeoutMs: 0 })).release();
});

test('lock hands the command its own options and says when it cannot be run', (t) => {
  const root = temporaryDirectory(t);
  assert.equal(run(root, '', 'lock', 'a', '--', 'echo', '--shared', '-n').out, '--shared -n\n');
  const missing = run(root, '', 'lock', 'a', '--', '/no/such/program');
  assert.equal(missing.status, 127);
  assert.match(missing.err, /cannot be run/u);
  const nameless = run(root, '', 'lock', 'a', '--', '');
  assert.deepEqual([nameless.status, nameless.err.split('\n').length], [126, 2]);
  assert.equal(run(root, '', 'lock', 'a', '--', 'sh', '-c', 'kill -9 $$').status, 128 + 9);
  assert.equal(run(root, '', 'lock', '--timeout', 'soon', 'a', '--', 'true').status, 2);
  assert.equal(run(root, '', 'lock', 'missing/a', '--', 'true').status, 3);
});

test('a command under a lock that asks for it is refused at once, however far down', (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(`${root}/a`, '{}');
  const set = [process.execPath, holdfast, 'json', 'set', 'a', '/x', '1'];
  const nested = run(root, '', 'lock', 'a', '--', ...set);
  assert.equal(nested.status, 8);
  assert.match(nested.err, /LOCK_NESTED/u);
  const deeper = run(root, '', 'lock', 'a', '--', 'sh', '-c', '"$@"; exit $?', 'sh', ...set);
  assert.equal(deeper.status, 8);
  assert.equal(run(root, '', 'lock', 'b', '--', ...set).status, 0);
});

test('lock --guard and --also-fcntl take the locks of other programs as well', (t) => {
  const root = temporaryDirectory(t);
  const seen = ['a', '--', 'sh', '-c', 'test -d a.lock && test -f a.flock'];
  assert.equal(run(root, '', 'lock', '--guard', 'proper-lockfile', ...seen).status, 0);
  assert.equal(existsSync(`${root}/a.lock`), false);
  mkdirSync(`${root}/a.lock`);
  const then = Date.now() / 1000 - 30;
  utimesSync(`${root}/a.lock`, then, then);
  const late = run(root, '', 'lock', '--timeout', '0', '--guard-stale', '60', 'a', '--', 'true');
  assert.equal(late.status, 8, late.err);
  assert.equal(run(root, '', 'lock', '--guard', 'proper-lockfile', ...seen).status, 0);
  assert.equal(run(root, '1', 'put', '--guard', 'lockfile', 'a').status, 2);
  const json = ['json', 'set', '--guard', 'proper-lockfile', '--also-fcntl', 'b', '/a', '1'];
  assert.equal(run(root, '', ...json).status, process.platform === 'linux' ? 0 : 6);
});

test('lock --shared runs beside other readers, and --lock-file names the lock', async (t) => {
  const root = temporaryDirectory(t);
  const reader = await acquireLock(`${root}/a`, { mode: 'shared' });
  assert.equal(run(root, '', 'lock', '--shared', '--timeout', '0', 'a', '--', 'true').status, 0);
  assert.equal(run(root, '', 'lock', '--timeout', '0', 'a', '--', 'true').status, 8);
  const other = ['--lock-file', 'b.lock', 'a', '--', 'true'];
  assert.equal(run(root, '', 'lock', '--timeout', '0', ...other).status, 0);
  await reader.release();
});

test('watch runs a command now and after a change, also when it fails, until a signal ends it', async (t) => {
  const cwd = temporaryDirectory(t);
  writeFileSync(`${cwd}/file`, 'one\n');
  const child = spawn(
    process.execPath,
    [holdfast, 'watch', 'file', '--', 'sh', '-c', 'cat file; exit 3'],
    { cwd, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const exit = once(child, 'exit');
  for (const text of ['one', 'two', 'three']) {
    if (text !== 'one') {
      // Whole at once: of a file that is truncated and written, the command may see either.
      writeFileSync(`${cwd}/next`, `${text}\n`);
      renameSync(`${cwd}/next`, `${cwd}/file`);
    }
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(String(said), `${text}\n`);
  }
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [130, null]);
});
