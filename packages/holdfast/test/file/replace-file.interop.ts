/**
 * What replaceFile keeps of the file that it replaces, as other programs see it: attributes and
 * access lists.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { replaceFile } from 'holdfast';

function output(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' });
}

/** The access list without the comment lines, one entry a line. */
function accessList(path: string): string[] {
  return output('getfacl', '--omit-header', '--absolute-names', path).trim().split('\n');
}

test('extended attributes are kept', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'old');
  execFileSync('setfattr', ['-n', 'user.origin', '-v', 'https://example.org/ü', path]);
  execFileSync('setfattr', ['-n', 'user.empty', path]);
  const before = output('getfattr', '--dump', '--absolute-names', path);
  await replaceFile(path, 'new');
  assert.equal(output('getfattr', '--dump', '--absolute-names', path), before);
  assert.equal(readFileSync(path, 'utf8'), 'new');
});

test('the access list is kept, with its mask', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'old');
  chmodSync(path, 0o640);
  execFileSync('setfacl', ['-m', 'u:nobody:rw,m::r', path]);
  const before = accessList(path);
  assert.ok(before.some((entry) => entry.startsWith('user:nobody:rw-')));
  await replaceFile(path, 'new');
  assert.deepEqual(accessList(path), before);
});

test("a directory's default access list does not widen a file that had none", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/a`, 'old');
  chmodSync(`${directory}/a`, 0o640);
  const before = accessList(`${directory}/a`);
  execFileSync('setfacl', ['-d', '-m', 'u:nobody:rwx', directory]);
  await replaceFile(`${directory}/a`, 'new');
  assert.deepEqual(accessList(`${directory}/a`), before);
});

test('a new file inherits the default access list of its directory', async (t) => {
  const directory = temporaryDirectory(t);
  execFileSync('setfacl', ['-d', '-m', 'u:nobody:rw', directory]);
  await replaceFile(`${directory}/a`, 'new');
  assert.ok(accessList(`${directory}/a`).some((entry) => entry.startsWith('user:nobody:rw-')));
});

test('a secret is closed to those whom the access list let in', async (t) => {
  const path = `${temporaryDirectory(t)}/a`;
  writeFileSync(path, 'old');
  execFileSync('setfacl', ['-m', 'u:nobody:r', path]);
  await replaceFile(path, 'new', { secret: true });
  const others = accessList(path).filter((entry) => !entry.startsWith('user::'));
  assert.deepEqual(others, ['group::---', 'other::---']);
});
