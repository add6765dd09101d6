import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseEnv } from 'node:util';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { isHoldfastError, readEnv, transaction, updateEnv } from 'holdfast';

const text = `# mine\r\nexport A=1 # one\r\n\r\nB = "two\r\nlines" # b\r\nC='x' \r\nA=3\r\nEMPTY=\r\n`;

test('comments, order, line ends and what is not changed stay; the last of two of a name is changed', async (t) => {
  const path = `${temporaryDirectory(t)}/.env`;
  writeFileSync(path, text);
  await updateEnv(path, (env) => {
    env['A'] = '4';
    env['NEW'] = 'a b # c';
    env['C'] = "it's";
    delete env['B'];
  });
  const after = `# mine\r\nexport A=1 # one\r\n\r\nC="it's" \r\nA=4\r\nEMPTY=\r\nNEW="a b # c"\r\n`;
  assert.equal(readFileSync(path, 'utf8'), after);
  assert.deepEqual(await readEnv(path), { A: '4', C: "it's", EMPTY: '', NEW: 'a b # c' });
  await updateEnv(path, (env) => void delete env['A']);
  assert.equal(
    readFileSync(path, 'utf8'),
    after.replace('export A=1 # one\r\n', '').replace('A=4\r\n', ''),
  );
});

test('updates made at once lose nothing, also in a transaction and beside a file without a last line end', async (t) => {
  const root = temporaryDirectory(t);
  const path = `${root}/.env`;
  writeFileSync(path, 'X=1');
  await Promise.all([
    ...Array.from({ length: 10 }, (_, index) =>
      updateEnv(path, (env) => void (env[`V${index}`] = String(index))),
    ),
    transaction(root, (tx) => tx.updateEnv('.env', (env) => void (env['T'] = 't'))),
  ]);
  assert.equal(Object.keys(await readEnv(path)).length, 12);
});

test('what no line can hold is refused, and the file stays', async (t) => {
  const path = `${temporaryDirectory(t)}/.env`;
  writeFileSync(path, 'A=1\n');
  const bad: readonly unknown[] = [{ A: 1 }, { 'no name': 'x' }, ['x'], { A: `"'\`` }];
  for (const value of bad) {
    await assert.rejects(
      updateEnv(path, () => value as Record<string, string>),
      (error) => isHoldfastError(error, 'UNREPRESENTABLE'),
    );
  }
  assert.equal(readFileSync(path, 'utf8'), 'A=1\n');
});

test('any change of any file gives just the variables that were asked for, or is refused', async (t) => {
  const path = `${temporaryDirectory(t)}/.env`;
  const name = fc.constantFrom('A', 'B', 'C_1', 'd.e');
  const piece = fc.constantFrom(
    'A=1\n',
    'B="x\ny"\n',
    "C_1='#'\n",
    '# A=2\n',
    '\n',
    'export A = z # c\n',
    'd.e=`q`',
    'B=\n',
    'junk\n',
    "A='\n",
    'A="#b" # c\r\n',
  );
  const value = fc.oneof(
    fc.constantFrom('', ' ', 'a b', '#', '"', "'", 'x\ny', '$A', '\\n'),
    fc.string({ maxLength: 4 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 6 }),
      name,
      fc.option(value),
      async (pieces, key, made) => {
        const before = pieces.join('') || '\n';
        writeFileSync(path, before);
        const wanted = { ...(parseEnv(before) as Record<string, string>) };
        if (made === null) delete wanted[key];
        else wanted[key] = made;
        try {
          await updateEnv(path, () => ({ ...wanted }), { durability: 'atomic' });
        } catch (error) {
          assert.ok(isHoldfastError(error, 'UNREPRESENTABLE'), String(error));
          assert.equal(readFileSync(path, 'utf8'), before);
          return;
        }
        const after = readFileSync(path, 'utf8');
        assert.deepEqual({ ...(parseEnv(after) as Record<string, string>) }, wanted);
        // Behind a quote that is left open, what looks like a comment is a part of the value.
        const comments = pieces.includes("A='\n") ? [] : (before.match(/^# .*$/gm) ?? []);
        for (const comment of comments) assert.ok(after.includes(comment));
      },
    ),
    { numRuns: 300 },
  );
});
