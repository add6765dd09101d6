import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import {
  isHoldfastError,
  lockEnvironment,
  replaceFile,
  TomlDate,
  updateFile,
  withLock,
} from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isError, messageOf } from 'holdfast/errors';

const entry = new URL('../dist/bundled/index.js', import.meta.url).href;

function node(flags: readonly string[], script: string, args: readonly string[] = []): string {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', ...flags, '--input-type=module', '--eval', script, ...args],
    { encoding: 'utf8', cwd: dirname(fileURLToPath(import.meta.url)) },
  );
  return (stdout + stderr).trim();
}

test('errors of another realm are told by what they are', () => {
  const foreign: unknown = vm.runInNewContext(
    "Object.assign(new Error('gone'), { code: 'ENOENT' })",
  );
  assert.ok(!(foreign instanceof Error));
  assert.ok(isError(foreign));
  assert.equal(messageOf(foreign), 'gone');
  const copy: unknown = vm.runInNewContext(
    "Object.assign(new Error('x'), { name: 'HoldfastError', code: 'IO', outcome: 'unchanged' })",
  );
  assert.ok(isHoldfastError(copy, 'IO'));
  for (const value of [undefined, null, 'ENOENT', {}, { message: 1 }]) assert.ok(!isError(value));
});

test('bytes of another realm are bytes, and a date of another copy of the package is a date of TOML', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const bytes = vm.runInNewContext('new Uint8Array([65, 66])') as Uint8Array;
  await replaceFile(path, bytes);
  assert.equal(readFileSync(path, 'utf8'), 'AB');
  await updateFile(path, () => bytes.subarray(1));
  assert.equal(readFileSync(path, 'utf8'), 'B');
  await replaceFile(path, [bytes]);
  assert.equal(readFileSync(path, 'utf8'), 'AB');
  class TomlDateOfAnother {
    get [Symbol.toStringTag](): string {
      return 'TomlDate';
    }
  }
  assert.ok(new TomlDateOfAnother() instanceof TomlDate);
});

const model = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';
const writeIt = `
  const { replaceFile } = await import(${JSON.stringify(entry)});
  await replaceFile(process.argv[1], 'x', { mode: 0o640 })
    .then(() => console.log('written'), ({ code, message }) => console.log(code, message));`;

test("under Node's permission model a file is written and synced where addons are allowed, else the flag is named", (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a`;
  const flags = [model, '--allow-fs-read=*', `--allow-fs-write=${directory}/*`];
  assert.match(node(flags, writeIt, [path]), /^UNSUPPORTED_PLATFORM .*--allow-addons/);
  assert.equal(node([...flags, '--allow-addons'], writeIt, [path]), 'written');
  assert.equal(readFileSync(path, 'utf8'), 'x');
});

test('--no-addons is named', (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  assert.match(node(['--no-addons'], writeIt, [path]), /^UNSUPPORTED_PLATFORM .*--no-addons/);
});

test('a bundle that is CommonJS writes with koffi beside it, and without it says what to leave outside', (t) => {
  const directory = temporaryDirectory(t);
  const require = createRequire(import.meta.url);
  writeFileSync(
    `${directory}/in.mjs`,
    `import { replaceFile } from ${JSON.stringify(fileURLToPath(entry))};
    replaceFile(process.argv[2], 'x').then(() => console.log('written'), ({ message }) => console.log(message));`,
  );
  const { buildSync } = require('esbuild') as typeof import('esbuild');
  buildSync({
    entryPoints: [`${directory}/in.mjs`],
    outfile: `${directory}/out.cjs`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  });
  // Beside the executable koffi is looked for too.
  const executable = `${directory}/node${extname(process.execPath)}`;
  copyFileSync(process.execPath, executable);
  const run = (): string =>
    spawnSync(executable, [`${directory}/out.cjs`, `${directory}/a`], { encoding: 'utf8' }).stdout;
  assert.match(run(), /leave koffi outside/);
  mkdirSync(`${directory}/node_modules`);
  const koffi = dirname(require.resolve('koffi'));
  symlinkSync(koffi, `${directory}/node_modules/koffi`);
  assert.equal(run(), 'written\n');
});

const lockIt = `
  import { acquireLock } from 'holdfast';
  await acquireLock(process.argv[1], { timeoutMs: Number(process.argv[2]) })
    .then(() => console.log('held'), ({ code }) => console.log(code));`;

test('a process that is started under a lock and asks for it is refused at once; a stale name of a lock says nothing', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  const child = (timeoutMs: number, variables: NodeJS.ProcessEnv): string =>
    spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', lockIt, path, String(timeoutMs)],
      {
        encoding: 'utf8',
        cwd: dirname(fileURLToPath(import.meta.url)),
        env: { ...process.env, ...variables },
      },
    ).stdout.trim();
  assert.deepEqual(await lockEnvironment(), {});
  let stale: Record<string, string> = {};
  await withLock(path, async () => {
    stale = await lockEnvironment();
    assert.equal(child(60_000, stale), 'LOCK_NESTED');
    assert.equal(
      child(60_000, { HOLDFAST_HELD_LOCKS: stale['HOLDFAST_HELD_LOCKS'] }),
      'LOCK_NESTED',
    );
    const of = (changes: object): NodeJS.ProcessEnv => {
      const [lock] = JSON.parse(stale['HOLDFAST_HELD_LOCKS'] ?? '') as object[];
      return { HOLDFAST_HELD_LOCKS: JSON.stringify([{ ...lock, ...changes }]) };
    };
    // Its number was given again; it has ended; it names another file; nobody of ours wrote it.
    for (const changes of [{ began: '1' }, { pid: 2 ** 30 }, { lockPath: `${path}.other` }])
      assert.equal(child(1, of(changes)), 'LOCK_TIMEOUT');
    for (const text of ['', '{', '[1]', '[{"pid":"x"}]'])
      assert.equal(child(1, { HOLDFAST_HELD_LOCKS: text }), 'LOCK_TIMEOUT');
  });
  // The holder lives, and holds the lock no more.
  assert.equal(child(60_000, stale), 'held');
});
