import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  changeKinds,
  decodeJournal,
  encodeJournal,
  type Journal,
  type Move,
} from '#src/journal/journal.js';

const inode = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
/** What no name holds: a journal of Windows has no backslash, and no drive. */
const forbidden = process.platform === 'win32' ? /[/\\:\0]|^\.{1,2}$/ : /[/\0]|^\.{1,2}$/;
const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .filter((text) => !forbidden.test(text) && !/\p{Surrogate}/u.test(text));
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const plain = { noNullPrototype: true } as const;
const move: fc.Arbitrary<Move> = fc.record(
  {
    kind: fc.constantFrom(...changeKinds),
    inode,
    from: path,
    to: path,
    before: fc.option(inode),
    trash: fc.option(path),
  },
  plain,
);
const journals: fc.Arbitrary<Journal> = fc.record(
  {
    id: fc.stringMatching(/^[0-9a-f]{16}$/),
    root: inode,
    moves: fc.array(move, { maxLength: 5 }),
  },
  plain,
);

test('what was written is read back', () => {
  fc.assert(
    fc.property(journals, (journal) => {
      assert.deepEqual(decodeJournal(encodeJournal(journal)), { state: 'whole', journal });
    }),
  );
});

test('every beginning of a journal is torn, also one with zeros for its end', () => {
  fc.assert(
    fc.property(journals, fc.double({ min: 0, max: 1, noNaN: true }), (journal, share) => {
      const bytes = encodeJournal(journal);
      const cut = bytes.subarray(0, Math.floor(share * (bytes.length - 1)));
      assert.equal(decodeJournal(cut).state, 'torn');
      const zeroed = new Uint8Array(bytes.length);
      zeroed.set(cut);
      assert.equal(decodeJournal(zeroed).state, 'torn');
    }),
  );
});

test('a byte changed anywhere is damage, never a torn journal and never a whole one', () => {
  const bytes = encodeJournal({
    id: '0123456789abcdef',
    root: 7n,
    moves: [{ kind: 'remove', inode: 9n, from: 'a', to: 'b', before: null, trash: null }],
  });
  for (let index = 0; index < bytes.length; index += 1) {
    for (const change of [0x01, 0x04, 0x20, 0x80]) {
      const damaged = Uint8Array.from(bytes);
      damaged[index] = (damaged[index] ?? 0) ^ change;
      assert.equal(decodeJournal(damaged).state, 'refused', `byte ${index}`);
    }
  }
});

test('more bytes after the end are damage', () => {
  const bytes = encodeJournal({ id: '0123456789abcdef', root: 7n, moves: [] });
  assert.equal(decodeJournal(Buffer.concat([bytes, Buffer.from('x')])).state, 'refused');
});

test('a journal of a later version is refused by name', () => {
  const read = decodeJournal(Buffer.from('holdfast-journal 2 whatever comes'));
  assert.equal(read.state === 'refused' && /version 2/.test(read.reason), true);
});

test('a well-formed journal whose moves leave the root is refused', () => {
  for (const bad of ['../x', '/etc/passwd', 'a/../../x', 'a//b', './a', '', 'a\0b', 'a/..']) {
    const bytes = encodeJournal({
      id: '0123456789abcdef',
      root: 7n,
      moves: [{ kind: 'rename', inode: 9n, from: 'a', to: bad, before: null, trash: null }],
    });
    assert.equal(decodeJournal(bytes).state, 'refused', bad);
  }
});
