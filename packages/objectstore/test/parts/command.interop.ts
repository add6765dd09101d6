/** `holdfast parts begin`, `write`, `progress`, `commit` and `abandon` below a prefix of a bucket. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { openDirectory } from '#src/directory/open-directory.js';
import { s3Store } from '#src/store/s3-store.js';
import { commandLineBeside } from '../command.js';
import { bucket, credentials } from '../servers.js';
import { temporaryOf } from '../temporary.js';

const script = `
const { mkdirSync, writeFileSync } = require('node:fs');
const { HOLDFAST_STAGE, HOLDFAST_PART } = process.env;
mkdirSync(HOLDFAST_STAGE + '/in');
writeFileSync(HOLDFAST_STAGE + '/in/' + HOLDFAST_PART, 'part ' + HOLDFAST_PART);
`;
const make = ['--', process.execPath, '-e', script] as const;

test('processes of the command line make one directory in a bucket, and are told what to do next', async (t) => {
  const scratch = temporaryOf(t);
  const { holdfast, endpoint } = await commandLineBeside(t);
  const parts = async (code: number, ...args: readonly string[]): Promise<string> => {
    const ended = await holdfast('parts', ...args);
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`);
    return code === 0 ? ended.stdout.trim() : ended.stderr;
  };
  const [target, http] = [`s3://${bucket}/data/2026`, '--allow-http'];
  const begin = ['begin', target, '3', '--job', 'test', http];
  const id = await parts(0, ...begin);
  assert.equal(await parts(0, ...begin), id);
  assert.match(await parts(3, 'begin', target, '4', http), RegExp(id));
  await parts(0, 'write', target, id, '1', http, ...make);
  await parts(1, 'write', target, id, '0', http, '--', 'false');
  assert.match(await parts(0, 'progress', target, id, http), /^open: 1 of 3 parts done/);
  assert.match(await parts(4, 'commit', target, id, http), /: 0,2\. /);
  await parts(2, 'begin', target, '3', '--two-renames', http);
  await parts(2, 'progress', 'out', id, http);
  await Promise.all(['0', '2'].map((part) => parts(0, 'write', target, id, part, http, ...make)));
  for (let count = 0; count < 2; count += 1)
    assert.equal(await parts(0, 'commit', target, id, http), `${target}: 3 files`);
  await parts(0, 'write', target, id, '0', http, ...make);

  const store = s3Store({ endpoint, credentials, allowHttp: true });
  const directory = await openDirectory(target, { store });
  assert.deepEqual([...directory.files.keys()].toSorted(), ['in/0', 'in/1', 'in/2']);
  assert.equal((await directory.read('in/1')).toString(), 'part 1');

  const next = await parts(0, ...begin, '--replace');
  await parts(0, 'abandon', target, next, http);
  await parts(3, 'write', target, next, '0', http, ...make);
  assert.deepEqual(
    readdirSync(scratch).filter((name) => name.startsWith('holdfast-publish-')),
    [],
  );
});
