/** `holdfast publish` to a store. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { openDirectory } from '#src/directory/open-directory.js';
import { s3Store } from '#src/store/s3-store.js';
import { commandLineBeside } from '../command.js';
import { bucket, credentials } from '../servers.js';

const site = `s3://${bucket}/site`;

test('holdfast publish sends what a command has made to a store, whole, and leaves nothing here', async (t) => {
  const { holdfast, cwd, endpoint } = await commandLineBeside(t);
  const store = s3Store({ endpoint, credentials, allowHttp: true, trusted: true });
  const publish = (script: string, ...flags: readonly string[]): ReturnType<typeof holdfast> =>
    holdfast('publish', site, '--allow-http', ...flags, '--', 'sh', '-c', script);

  const first = await publish('mkdir {}/b && echo 1 > {}/a && echo 2 > {}/b/c', '--json');
  assert.equal(first.code, 0, first.stderr);
  const { generation, fileCount } = JSON.parse(first.stdout) as {
    readonly generation: string;
    readonly fileCount: number;
  };
  assert.equal(fileCount, 2);
  const opened = await openDirectory(site, { store });
  assert.equal(opened.generation, generation);
  assert.equal((await opened.read('b/c')).toString(), '2\n');

  // A command that fails, a directory that is there, and what is no file: all is as before.
  assert.equal((await publish('echo 3 > {}/a; exit 7', '--replace')).code, 7);
  assert.equal((await publish('echo 3 > {}/a')).code, 4);
  const link = await publish('ln -s /etc/passwd {}/a', '--replace');
  assert.equal(link.code, 5, link.stderr);
  assert.equal((await openDirectory(site, { store })).generation, generation);

  assert.equal((await publish('echo 3 > {}/a', '--replace')).code, 0);
  const now = await openDirectory(site, { store });
  assert.deepEqual([...now.files.keys()], ['a']);
  assert.deepEqual(readdirSync(cwd), []);
  const left = readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-publish-'));
  assert.deepEqual(left, []);
});
