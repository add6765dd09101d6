/** What needs root: owners, and a disk that is full. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { mountFilesystem } from '@holdfast/tools/testing';
import { dropIn, everywhere, onlyDropIn, peer } from './forms.js';

function ownerOf(path: string): readonly number[] {
  const { uid, gid } = statSync(path);
  return [uid, gid];
}

everywhere(
  'a file gets the owner that is given, keeps its own, or that of the writer',
  async (write, at) => {
    await write(`${at}/a`, '1', { chown: { uid: 1234, gid: 4321 } });
    assert.deepEqual(ownerOf(`${at}/a`), [1234, 4321]);
    await write(`${at}/a`, '2');
    assert.deepEqual(ownerOf(`${at}/a`), [1234, 4321]);
    await write(`${at}/a`, '3', { chown: false });
    assert.deepEqual(ownerOf(`${at}/a`), [process.getuid?.(), process.getgid?.()]);
  },
);

/** The peer loses it. */
onlyDropIn('an extended attribute stays', async (write, at) => {
  writeFileSync(`${at}/a`, 'old');
  execFileSync('setfattr', ['-n', 'user.kept', '-v', 'yes', `${at}/a`]);
  await write(`${at}/a`, 'new');
  const value = execFileSync('getfattr', ['--only-values', '-n', 'user.kept', `${at}/a`]);
  assert.equal(value.toString(), 'yes');
});

const large = Buffer.alloc(2 * 1024 * 1024, 'x');

test('dropIn: on a full disk the old file stays, and the error is ENOSPC', async (t) => {
  const at = mountFilesystem(t, 'tmpfs', { sizeMb: 1 });
  writeFileSync(`${at}/a`, 'old');
  await assert.rejects(dropIn.writeFile(`${at}/a`, large), { code: 'ENOSPC' });
  assert.throws(() => dropIn.writeFileSync(`${at}/a`, large), { code: 'ENOSPC' });
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(at), ['a']);
});

test('peer: on a full disk a truncated file takes the place of the old one, and no error tells', async (t) => {
  const at = mountFilesystem(t, 'tmpfs', { sizeMb: 1 });
  writeFileSync(`${at}/a`, 'old');
  await peer.writeFile(`${at}/a`, large);
  const { size } = statSync(`${at}/a`);
  assert.ok(size > 0 && size < large.length, `${size} bytes`);
});
