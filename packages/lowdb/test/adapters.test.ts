/** The adapters of lowdb itself and those of this package do the same. */
import assert from 'node:assert/strict';
import {
  lstatSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as own from '@holdfast/lowdb';
import { Low, LowSync, type Adapter, type SyncAdapter } from 'lowdb';
import * as peer from 'lowdb/node';

interface Database {
  posts: string[];
}

interface Adapters {
  readonly JSONFile: new (filename: string | URL) => Adapter<Database>;
  readonly JSONFileSync: new (filename: string | URL) => SyncAdapter<Database>;
  readonly TextFile: new (filename: string | URL) => Adapter<string>;
  readonly TextFileSync: new (filename: string | URL) => SyncAdapter<string>;
}

const all: Readonly<Record<string, Adapters>> = { peer, own };

for (const [name, adapters] of Object.entries(all)) {
  test(`${name}: a database is made, changed and read again`, async (t) => {
    const path = `${temporaryDirectory(t)}/db.json`;
    const db = new Low<Database>(new adapters.JSONFile(path), { posts: [] });
    await db.read();
    assert.deepEqual(db.data, { posts: [] });
    await db.update(({ posts }) => posts.push('first'));
    const again = new LowSync<Database>(new adapters.JSONFileSync(path), { posts: [] });
    again.read();
    assert.deepEqual(again.data, { posts: ['first'] });
    again.update(({ posts }) => posts.push('second'));
    await db.read();
    assert.deepEqual(db.data, { posts: ['first', 'second'] });
    const text = JSON.stringify({ posts: ['first', 'second'] }, null, 2);
    assert.equal(readFileSync(path, 'utf8'), text);
  });

  test(`${name}: the last of several writes stays`, async (t) => {
    const path = `${temporaryDirectory(t)}/db.json`;
    const db = new Low<Database>(new adapters.JSONFile(path), { posts: [] });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => db.update(({ posts }) => posts.push(String(n)))),
    );
    const { posts } = JSON.parse(readFileSync(path, 'utf8')) as Database;
    assert.equal(posts.length, 20);
  });

  test(`${name}: text, by a path or by a URL; null when there is none`, async (t) => {
    const at = temporaryDirectory(t);
    const text = new adapters.TextFile(pathToFileURL(`${at}/a`));
    assert.equal(await text.read(), null);
    await text.write('ä');
    assert.equal(await text.read(), 'ä');
    const now = new adapters.TextFileSync(`${at}/b`);
    assert.equal(now.read(), null);
    now.write('ö');
    assert.equal(now.read(), 'ö');
    assert.deepEqual(readdirSync(at), ['a', 'b']);
  });

  test(`${name}: what is no JSON is told, and stays`, async (t) => {
    const path = `${temporaryDirectory(t)}/db.json`;
    writeFileSync(path, '{"posts":');
    await assert.rejects(new adapters.JSONFile(path).read(), SyntaxError);
    assert.throws(() => new adapters.JSONFileSync(path).read(), SyntaxError);
    assert.equal(readFileSync(path, 'utf8'), '{"posts":');
  });
}

/** With those of lowdb the mode is that of a new file, and a file takes the symlink's place. */
test('own: mode and symlink stay', async (t) => {
  if (process.platform === 'win32') return;
  const at = temporaryDirectory(t);
  writeFileSync(`${at}/target`, '{}', { mode: 0o600 });
  symlinkSync('target', `${at}/db.json`);
  await new own.JSONFile(`${at}/db.json`).write({ posts: [] });
  new own.JSONFileSync(`${at}/db.json`).write({ posts: [] });
  assert.ok(lstatSync(`${at}/db.json`).isSymbolicLink());
  assert.equal(statSync(`${at}/target`).mode & 0o777, 0o600);
});
