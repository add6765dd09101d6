import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  isHoldfastError,
  listPrevious,
  replaceFile,
  updateEnv,
  updateJson,
  updateToml,
  updateYaml,
  type Restoration,
} from 'holdfast';

const code = (name: Parameters<typeof isHoldfastError>[1]) => (error: unknown) =>
  isHoldfastError(error, name);

const heard: Restoration[] = [];
const hear = (message: unknown): void => void heard.push(message as Restoration);

const keep = { keepPrevious: 5 } as const;
const restore = { ...keep, onCorrupt: 'restore' } as const;

test('a broken document is replaced by the latest version that parses, kept aside, and told of', async (t) => {
  const directory = temporaryDirectory(t);
  subscribe('holdfast:restore', hear);
  t.after(() => unsubscribe('holdfast:restore', hear));
  const cases = {
    'a.json': [updateJson, '{"n": 1}\n', '{"n": 2,\n'],
    'a.toml': [updateToml, 'n = 1\n', 'n = \n'],
    'a.yaml': [updateYaml, 'n: 1\n', 'n: [\n'],
  } as const;
  for (const [name, [update, good, broken]] of Object.entries(cases)) {
    const path = `${directory}/${name}`;
    // Two versions are broken, too: written by a program that does not look.
    for (const content of ['', good, broken, '', broken]) await replaceFile(path, content, keep);
    heard.length = 0;
    const value = await update(path, () => undefined, restore);
    assert.deepEqual(value, { n: 1 }, name);
    assert.equal(readFileSync(path, 'utf8'), good, name);
    const [aside] = readdirSync(directory).filter((other) => other.startsWith(`${name}.corrupt-`));
    assert.equal(readFileSync(`${directory}/${aside}`, 'utf8'), broken);
    const version = { version: 2, versionPath: `${path}.previous-2` };
    assert.deepEqual(heard, [{ path, ...version, corruptPath: `${directory}/${aside}` }]);
    // The broken one is aside, and no version.
    assert.equal((await listPrevious(path))[0]?.version, 4);
  }
});

test('the updater changes the version, and its change is in the restored document', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  for (const content of ['{"n":1,"k":[1.0]}', '{"n":2}', 'broken']) {
    await replaceFile(path, content, keep);
  }
  await updateJson(path, (value) => void (value['n'] = 3), restore);
  assert.equal(readFileSync(path, 'utf8'), '{"n":3}');
});

test('an emptied document is restored, too', async (t) => {
  const path = `${temporaryDirectory(t)}/.env`;
  for (const value of ['1', '2']) await updateEnv(path, () => ({ A: value }), keep);
  writeFileSync(path, '');
  assert.deepEqual(await updateEnv(path, () => undefined, restore), { A: '1' });
});

test('without a version that parses the broken document stays, and is the error', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a.json`;
  for (const content of ['broken', '[', '{']) await replaceFile(path, content, keep);
  const before = readdirSync(directory);
  await assert.rejects(
    updateJson(path, () => ({}), restore),
    (error: Error) => {
      assert.match(error.message, /of 2 versions that are kept none can be read/u);
      return code('CORRUPT_DOCUMENT')(error);
    },
  );
  assert.deepEqual(readdirSync(directory), before);
  assert.equal(readFileSync(path, 'utf8'), '{');
});

test('a version that JavaScript cannot hold is not passed over for an older one', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  for (const content of ['{"n":1}', '{"n":12345678901234567890}', 'broken']) {
    await replaceFile(path, content, keep);
  }
  await assert.rejects(
    updateJson(path, () => ({}), restore),
    code('UNREPRESENTABLE'),
  );
  assert.equal(readFileSync(path, 'utf8'), 'broken');
});

test('when every updater of the commit fails nothing is restored', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/a.json`;
  for (const content of ['{"n":1}', 'broken']) await replaceFile(path, content, keep);
  const before = readdirSync(directory);
  const fail = (): never => {
    throw new Error('no');
  };
  await assert.rejects(updateJson(path, fail, restore), code('UPDATER_FAILED'));
  assert.deepEqual(readdirSync(directory), before);
  assert.equal(readFileSync(path, 'utf8'), 'broken');
});

test('a restored secret stays one, whatever the broken file lets others do', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  await replaceFile(path, '{"token":1}', { secret: true });
  await replaceFile(path, 'broken', { ...keep, mode: 0o644 });
  await updateJson(path, () => undefined, restore);
  assert.deepEqual(
    [statSync(path).mode & 0o777, readFileSync(path, 'utf8')],
    [0o600, '{"token":1}'],
  );
});
