/** What root makes in a user's directory: under sudo it is that user's, who goes on without. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const USER = 65534;
const cli = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url));
const asUser = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];

function home(t: TestContext): string {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const path = join(directory, 'home');
  mkdirSync(path);
  chownSync(path, USER, USER);
  return path;
}

interface Run {
  readonly as?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
}

function holdfast(args: readonly string[], { as = [], env = {}, input = '' }: Run = {}): void {
  const [program = '', ...rest] = [...as, process.execPath, cli, ...args];
  const { status, stderr } = spawnSync(program, rest, {
    encoding: 'utf8',
    env: { ...process.env, SUDO_UID: undefined, ...env },
    input,
  });
  assert.equal(status, 0, stderr);
}

function ownersBelow(path: string): Record<string, number> {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(names.map((name) => [name, lstatSync(join(path, name)).uid]));
}

/** Each command makes something, and the user's own run of it after that works on it. */
const commands: Readonly<Record<string, (path: string) => readonly string[]>> = {
  put: (path) => ['put', '--keep', '2', `${path}/put`],
  secret: (path) => ['put', '--secret', `${path}/secret`],
  json: (path) => ['json', 'set', `${path}/made/deeper/a.json`, '/a', '1'],
  lock: (path) => ['lock', `${path}/lock`, '--', 'true'],
  'records append': (path) => ['records', 'append', `${path}/log.jsonl`],
  transaction: (path) => ['transaction', path],
  publish: (path) => [
    'publish',
    '--replace',
    `${path}/tree`,
    '--',
    'sh',
    '-c',
    'mkdir -p "$HOLDFAST_STAGE/d" && echo x > "$HOLDFAST_STAGE/d/f"',
  ],
};

const changes = JSON.stringify(
  ['t.json', 'u.json'].map((updateJson) => ({ updateJson, merge: { a: 1 } })),
);

for (const [name, argsFor] of Object.entries(commands)) {
  test(`${name} under sudo makes everything the user's, who goes on without`, (t) => {
    const path = home(t);
    const input = name === 'transaction' ? changes : '{"a":1}\n';
    holdfast(argsFor(path), { env: { SUDO_UID: String(USER) }, input });
    const owners = ownersBelow(path);
    assert.ok(Object.keys(owners).length > 0);
    for (const [made, uid] of Object.entries(owners)) assert.equal(uid, USER, made);
    holdfast(argsFor(path), { as: asUser, input });
    holdfast(argsFor(path), { env: { SUDO_UID: String(USER) }, input });
    for (const [made, uid] of Object.entries(ownersBelow(path))) assert.equal(uid, USER, made);
  });
}

test('raster tile under sudo makes a mosaic of the user, who writes it anew, as sudo does after that', async (t) => {
  const path = home(t);
  const input = join(path, '../in.vrt');
  const data = Int16Array.from({ length: 40 * 40 }, (_, index) => index);
  await writeTiledVrt(input, fromArray({ data, width: 40, height: 40 }), { tileSizePx: 16 });
  const tile = ['raster', 'tile', '--replace', input, `${path}/dem.vrt`];
  const env = { SUDO_UID: String(USER) };
  holdfast(tile, { env });
  holdfast(tile, { as: asUser });
  holdfast(tile, { env });
  for (const [made, uid] of Object.entries(ownersBelow(path))) assert.equal(uid, USER, made);
});

test('without sudo, and with HOLDFAST_OWNER set to something else, root keeps what it makes', (t) => {
  const path = home(t);
  holdfast(['json', 'set', `${path}/a.json`, '/a', '1']);
  const env = { SUDO_UID: String(USER), HOLDFAST_OWNER: 'user' };
  holdfast(['json', 'set', `${path}/b.json`, '/a', '1'], { env });
  assert.deepEqual(new Set(Object.values(ownersBelow(path))), new Set([0]));
});

test('what root has under another name, or in a directory, is not given away', (t) => {
  const path = home(t);
  writeFileSync(join(path, '../roots'), '');
  linkSync(join(path, '../roots'), join(path, 'a.lock'));
  holdfast(['lock', `${path}/a`, '--', 'true'], { env: { SUDO_UID: String(USER) } });
  assert.equal(lstatSync(join(path, '../roots')).uid, 0);
});
