import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isHoldfastError, transaction, type ErrorCode } from 'holdfast';
import { temporaryDirectory } from '@holdfast/tools/testing';

function rootWithLinks(t: TestContext): string {
  const outside = temporaryDirectory(t);
  const root = join(outside, 'root');
  mkdirSync(join(root, 'sub/inner'), { recursive: true });
  mkdirSync(join(outside, 'elsewhere'));
  writeFileSync(join(outside, 'elsewhere/file'), 'untouched');
  writeFileSync(join(root, 'a.json'), '{}');
  symlinkSync('../elsewhere', join(root, 'out'));
  symlinkSync('../elsewhere/file', join(root, 'outfile'));
  symlinkSync('sub', join(root, 'also-sub'));
  symlinkSync('a.json', join(root, 'also-a'));
  return root;
}

function namesBelow(root: string): Set<string> {
  return new Set(readdirSync(root, { recursive: true, encoding: 'utf8' }));
}

/**
 * The code with which a transaction that replaces these files is refused; nothing may be left
 * behind by it.
 */
async function refusal(
  root: string,
  names: readonly string[],
  change: 'replaceFile' | 'remove' = 'replaceFile',
): Promise<ErrorCode | undefined> {
  const before = namesBelow(root);
  try {
    await transaction(root, async (tx) => {
      for (const name of names) {
        if (change === 'remove') await tx.remove(name);
        else await tx.replaceFile(name, 'x');
      }
    });
    return undefined;
  } catch (error) {
    assert.deepEqual(namesBelow(root), before);
    assert.ok(isHoldfastError(error) && error.outcome === 'unchanged', String(error));
    return error.code;
  }
}

test('a path that leaves the root is refused, however it leaves', async (t) => {
  const root = rootWithLinks(t);
  const escapes = ['../x', 'sub/../../x', '/etc/x', '.', '..', '/', 'out/x', 'outfile', root, './'];
  for (const path of escapes) assert.equal(await refusal(root, [path]), 'PATH_ESCAPES', path);
  assert.equal(await refusal(root, ['out/file'], 'remove'), 'PATH_ESCAPES');
});

test('one file under two names is refused', async (t) => {
  const root = rootWithLinks(t);
  const pairs = [
    ['a.json', 'a.json'],
    ['a.json', './a.json'],
    ['a.json', 'sub/../a.json'],
    ['a.json', join(root, 'a.json')],
    ['a.json', 'also-a'],
    ['sub/x', 'also-sub/x'],
    ['b.json', 'B.JSON'],
    ['stra\u00dfe', 'STRASSE'],
    ['caf\u00e9', 'cafe\u0301'],
    ['also-sub/x', 'SUB/X'.toLowerCase()],
  ];
  for (const pair of pairs) assert.equal(await refusal(root, pair), 'PATH_CONFLICT', pair.join());
});

test('a path inside another, the lock of another, and names of our own are refused', async (t) => {
  const root = rootWithLinks(t);
  assert.equal(await refusal(root, ['sub', 'sub/inner/..'], 'remove'), 'INVALID_ARGUMENT');
  assert.equal(await refusal(root, ['sub', 'sub/inner'], 'remove'), 'PATH_CONFLICT');
  assert.equal(await refusal(root, ['sub/inner', 'sub'], 'remove'), 'PATH_CONFLICT');
  assert.equal(await refusal(root, ['a.json', 'a.json.lock']), 'PATH_CONFLICT');
  assert.equal(await refusal(root, ['a.json.lock', 'a.json']), 'PATH_CONFLICT');
  assert.equal(await refusal(root, ['.holdfast-journal']), 'PATH_CONFLICT');
  assert.equal(await refusal(root, ['.holdfast-journal.lock']), 'PATH_CONFLICT');
});

test('names that only look alike are not refused', async (t) => {
  const root = rootWithLinks(t);
  assert.equal(await refusal(root, ['ab', 'a', 'abc', 'sub/a', 'sub/ab', '..hidden']), undefined);
});
