/** What V8 made of the command is kept where nobody else can have put anything. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { folderForCompiled } from '#src/compile-cache.js';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url));
const user = process.geteuid?.() ?? 0;

test('what was compiled is kept for this user alone, in their cache', (t) => {
  const home = temporaryDirectory(t);
  assert.equal(folderForCompiled({ HOME: home }, user), `${home}/.cache/holdfast`);
  assert.equal(statSync(`${home}/.cache/holdfast`).mode & 0o777, 0o700);
  const own = { HOME: home, XDG_CACHE_HOME: `${home}/own` };
  assert.equal(folderForCompiled(own, user), `${home}/own/holdfast`);
  assert.equal(folderForCompiled(own, user), `${home}/own/holdfast`);
});

test('nothing is kept where somebody else could have put it, or could exchange it', (t) => {
  const home = temporaryDirectory(t);
  const place = (name: string): NodeJS.ProcessEnv => {
    mkdirSync(`${home}/${name}/holdfast`, { recursive: true });
    return { XDG_CACHE_HOME: `${home}/${name}` };
  };
  assert.equal(folderForCompiled(place("another user's"), user + 1), undefined);

  const open = place('open');
  chmodSync(`${home}/open/holdfast`, 0o777);
  assert.equal(folderForCompiled(open, user), undefined);

  const exchanged = place('exchanged');
  chmodSync(`${home}/exchanged`, 0o777);
  assert.equal(folderForCompiled(exchanged, user), undefined);
  // As /tmp is: others make names there, and cannot take away this one.
  chmodSync(`${home}/exchanged`, 0o1777);
  assert.equal(folderForCompiled(exchanged, user), `${home}/exchanged/holdfast`);

  mkdirSync(`${home}/linked`);
  symlinkSync(`${home}/open/holdfast`, `${home}/linked/holdfast`);
  assert.equal(folderForCompiled({ XDG_CACHE_HOME: `${home}/linked` }, user), undefined);
});

test('nothing is made where there is no home, no owner, or somebody else decides', (t) => {
  const home = temporaryDirectory(t);
  assert.equal(folderForCompiled({ HOME: `${home}/missing` }, user), undefined);
  assert.equal(folderForCompiled({ HOME: home }, undefined), undefined);
  for (const name of ['NODE_DISABLE_COMPILE_CACHE', 'NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE'])
    assert.equal(folderForCompiled({ HOME: home, [name]: '1' }, user), undefined);
  // As root with the home of somebody else.
  assert.equal(folderForCompiled({ HOME: home }, user + 1), undefined);
  assert.deepEqual(readdirSync(home), []);
});

test('the command keeps it where Node can, and not when it is told not to', (t) => {
  const home = temporaryDirectory(t);
  const run = (variables: NodeJS.ProcessEnv): string => {
    const env: NodeJS.ProcessEnv = { ...process.env, HOME: home, ...variables };
    for (const name of ['XDG_CACHE_HOME', 'NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE'])
      delete env[name];
    const { status, stdout } = spawnSync(process.execPath, [bin, '--version'], {
      env,
      encoding: 'utf8',
    });
    assert.equal(status, 0);
    return stdout;
  };
  const said = run({ NODE_DISABLE_COMPILE_CACHE: '1' });
  assert.equal(existsSync(`${home}/.cache`), false);
  for (let runs = 0; runs < 2; runs += 1) assert.equal(run({}), said);
  const kept = existsSync(`${home}/.cache/holdfast`) ? readdirSync(`${home}/.cache/holdfast`) : [];
  assert.equal(kept.length > 0, 'enableCompileCache' in nodeModule);
});
