import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from '#src/document/history.js';
import { newCommitId, withNonce, withoutNonce } from '#src/document/nonce.js';

const contents = [
  '{}',
  '{}\n',
  '{}\r\n',
  '',
  '\n',
  'a = 1',
  `{}${' '.repeat(80)}`,
  '# holdfast x\n',
];

test('a nonce is taken off again to the byte, and gives its id', () => {
  for (const kind of ['blanks', 'comment'] as const) {
    for (const text of contents) {
      const id = newCommitId();
      const body = withNonce(kind, Buffer.from(text), id);
      assert.notEqual(body.toString(), text);
      const taken = withoutNonce(kind, body);
      assert.equal(taken.content.toString(), text, `${kind} after ${JSON.stringify(text)}`);
      assert.equal(taken.id, id);
    }
  }
});

test('what has no nonce is as it is', () => {
  for (const text of ['{}', '', '\n', `{}${' '.repeat(71)}\n`, '# holdfast short\n'])
    for (const kind of ['blanks', 'comment', 'none'] as const)
      assert.deepEqual(withoutNonce(kind, Buffer.from(text)), {
        content: Buffer.from(text),
        id: undefined,
      });
});

test('a history has what it was made from and the commits since, as far as the metadata of S3 reaches', () => {
  let found = { etag: '"base"', metadata: { owner: 'x'.repeat(500) } as Record<string, string> };
  const begin = History.of(found);
  const ids: string[] = [];
  for (let made = 0; made < 200; made += 1) {
    const id = newCommitId();
    ids.push(id);
    const before = History.of(found, { id: ids.at(-2) });
    found = { etag: `"${made}"`, metadata: { ...before.followedBy(id, found.metadata) } };
    const now = History.of(found, { id });
    assert.ok(now.has(id));
    assert.equal(now.mark, id);
    assert.equal(now.has(begin.mark), made < 95);
    assert.ok(Object.entries(found.metadata).join('').length <= 2048);
  }
  assert.ok(History.of(found, { id: ids.at(-1) }).has(ids.at(-80) as string));
});

test('the history of a body that somebody else has written is none', () => {
  const id = newCommitId();
  const metadata = History.of(undefined).followedBy(id, {});
  assert.ok(History.of({ etag: '"1"', metadata }, { id }).has('@'));
  assert.ok(!History.of({ etag: '"1"', metadata }, { id: undefined }).has(id));
  assert.ok(!History.of({ etag: '"1"', metadata: { holdfast: 'not a list!' } }).has('@'));
});
