import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenFiles } from '#src/read/open-files.js';

test('no more files stay open than the limit, and the least recently used one goes first', async () => {
  const open = new Set<string>();
  const files = new OpenFiles(
    async (path) => {
      open.add(path);
      return path;
    },
    async (path) => void open.delete(path),
    2,
  );
  for (const path of ['a', 'b', 'a', 'c']) await files.use(path, async () => undefined);
  assert.deepEqual([...open].toSorted(), ['a', 'c']);
  await files.closeAll();
  assert.deepEqual([...open], []);
});

test('a file in use is never closed, even over the limit', async () => {
  const closed: string[] = [];
  const files = new OpenFiles(
    async (path) => path,
    async (path) => void closed.push(path),
    1,
  );
  await files.use('a', async () => {
    await files.use('b', async () => undefined);
    assert.deepEqual(closed, ['b']);
  });
});

test('a file that could not be opened is tried again', async () => {
  let tries = 0;
  const files = new OpenFiles(
    async () => {
      tries += 1;
      if (tries === 1) throw new Error('not yet');
      return 'open';
    },
    async () => undefined,
    4,
  );
  await assert.rejects(
    files.use('a', async () => undefined),
    /not yet/,
  );
  assert.equal(await files.use('a', async (file) => file), 'open');
});
