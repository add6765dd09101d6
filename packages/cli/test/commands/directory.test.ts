import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const holdfast = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

function run(cwd: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [holdfast, ...args], {
    cwd,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

test('publish fills the stage by $HOLDFAST_STAGE and {}, and publishes when the command succeeds', (t) => {
  const root = temporaryDirectory(t);
  const script = 'echo one > "$HOLDFAST_STAGE/a"; echo two > {}/b; echo noise';
  const { status, out, err } = run(root, 'publish', 'out', '--json', '--', 'sh', '-c', script);
  assert.equal(status, 0, err);
  assert.deepEqual(JSON.parse(out), { path: `${root}/out`, fileCount: 2, previousPath: null });
  assert.equal(err, 'noise\n');
  assert.equal(readFileSync(`${root}/out/b`, 'utf8'), 'two\n');
  assert.deepEqual(readdirSync(root), ['out']);
});

test('publish discards what a failing command made, and exits with its status', (t) => {
  const root = temporaryDirectory(t);
  const { status, err } = run(root, 'publish', 'out', '--', 'sh', '-c', 'echo half > {}/a; exit 7');
  assert.equal(status, 7);
  assert.match(err, /status 7; out was not published/u);
  assert.deepEqual(readdirSync(root), []);
  assert.equal(run(root, 'publish', 'out', '--', '/no/such/program').status, 127);
  assert.equal(run(root, 'publish', 'out', '--', 'sh', '-c', 'kill -9 $$').status, 128 + 9);
});

test('publish refuses a full target unless it is told to replace it, and keeps what it replaced', (t) => {
  const root = temporaryDirectory(t);
  const publish = (...flags: string[]): number | null =>
    run(root, 'publish', 'out', ...flags, '--', 'sh', '-c', 'date +%N > {}/a').status;
  assert.equal(publish(), 0);
  assert.equal(publish(), 4);
  assert.equal(publish('--replace', '--keep', '1'), 0);
  assert.equal(publish('--replace', '--keep', '1'), 0);
  assert.deepEqual(readdirSync(root), ['out', 'out.previous-2']);
  assert.equal(publish('--keep', 'many'), 2);
  assert.equal(publish('--replace', '--two-renames'), 0);
});

test('publish hands a signal on to the command, waits for it and leaves nothing', async (t) => {
  const root = temporaryDirectory(t);
  const script =
    'trap "echo cleaned > ../trapped; exit 3" TERM; echo ready; while :; do sleep 0.01; done';
  const child = spawn(
    process.execPath,
    [holdfast, 'publish', 'out', '--', 'sh', '-c', `cd {}; ${script}`],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  const [status] = (await once(child, 'exit')) as [number];
  assert.equal(status, 3);
  assert.deepEqual(readdirSync(root), ['trapped']);
});

test('orphans lists what a killed publish left, salvages it, and sweeps it', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/saved`);
  const leave = (): void => {
    run(root, 'publish', 'out', '--', 'sh', '-c', 'echo half > {}/a; kill -9 $PPID');
  };
  leave();
  const listed = JSON.parse(run(root, 'orphans', '.', '--json').out) as { owner: string }[];
  assert.deepEqual(
    listed.map(({ owner }) => owner),
    ['dead'],
  );
  assert.equal(run(root, 'orphans', '.', '--salvage', 'saved').status, 0);
  const [saved] = readdirSync(`${root}/saved`);
  assert.equal(readFileSync(`${root}/saved/${saved}/a`, 'utf8'), 'half\n');
  leave();
  assert.match(run(root, 'orphans', '.', '--sweep').out, /^removed/u);
  assert.equal(run(root, 'orphans', '.').out, '');
});

test('doctor tries a directory, leaves nothing in it, and its exit status says whether all holds', (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(`${root}/mine`, '');
  const { status, out, err } = run(root, 'doctor', '.', '--json');
  const report = JSON.parse(out) as {
    checks: { works: boolean }[];
    guarantees: { holds: string }[];
  };
  assert.ok(report.checks.length >= 10, err);
  assert.equal(status, report.guarantees.every(({ holds }) => holds === 'yes') ? 0 : 1);
  assert.deepEqual(readdirSync(root), ['mine']);
  assert.match(run(root, 'doctor', '.').out, /a directory is replaced whole/u);
  assert.equal(run(root, 'doctor', 'missing').status, 3);
});

test('doctor of a store says what is wrong with where it is, and nothing of its credentials', (t) => {
  const root = temporaryDirectory(t);
  const env = { AWS_ACCESS_KEY_ID: 'known', AWS_SECRET_ACCESS_KEY: 'a-secret' };
  Object.assign(process.env, env);
  t.after(() => Object.keys(env).forEach((name) => delete process.env[name]));
  const endpoint = ['--endpoint', 'http://127.0.0.1:9'];
  const plain = run(root, 'doctor', 's3://bucket/a.json', ...endpoint);
  assert.equal(plain.status, 2);
  assert.match(plain.err, /--allow-http/u);
  const nobody = run(root, 'doctor', 's3://bucket/a.json', ...endpoint, '--allow-http');
  assert.equal(nobody.status, 7);
  assert.match(nobody.err, /STORE_FAILED/u);
  assert.doesNotMatch(plain.err + nobody.err, /a-secret/u);
  assert.equal(run(root, 'doctor', '.', '--region', 'eu').status, 2);
  assert.deepEqual(readdirSync(root), []);
});

test('doctor finds no power loss survived in memory', { skip: !existsSync('/dev/shm') }, () => {
  const { status, out } = run('/dev/shm', 'doctor', '.');
  assert.equal(status, 1);
  assert.match(out, /no +what is acknowledged survives power loss/u);
});
