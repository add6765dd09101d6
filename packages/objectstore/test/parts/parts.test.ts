/** Directories in a bucket that are made in parts: against a store in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import { openDirectory } from '#src/directory/open-directory.js';
import { publishDirectory } from '#src/directory/publish-directory.js';
import { abandonParts, beginParts } from '#src/parts/begin-parts.js';
import { joinParts, type PartsSession } from '#src/parts/session.js';
import { ModelStore } from '#src/store/model-store.js';

const url = 's3://bucket/site';
const bucket = 'bucket';

async function failsWith(code: ErrorCode, work: Promise<unknown>, said = /./): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    assert.ok(isHoldfastError(error, code), String(error));
    assert.match(error.message, said);
    return true;
  });
}

async function begun(
  store: ModelStore,
  options: Partial<Parameters<typeof beginParts>[1]> = {},
): Promise<PartsSession> {
  const { id } = await beginParts(url, { store, partCount: 3, ...options });
  return joinParts(url, id, { store });
}

function writePart(session: PartsSession, part: number, label = 'x') {
  return session.writePart(part, async (stage) => {
    await stage.spawn(() => stage.write(`${part}.txt`, `${label} of ${part}`));
    await stage.write(`deep/${part}.txt`, '');
    return { part };
  });
}

async function writeAll(session: PartsSession, label?: string): Promise<void> {
  for (let part = 0; part < session.partCount; part += 1) await writePart(session, part, label);
}

async function keysIn(store: ModelStore, prefix = ''): Promise<readonly string[]> {
  const listed = await store.list(bucket, prefix);
  assert.equal(listed.outcome, 'found');
  return listed.objects.map(({ key }) => key);
}

async function textsIn(store: ModelStore): Promise<Readonly<Record<string, string>>> {
  const opened = await openDirectory(url, { store });
  const texts: Record<string, string> = {};
  for (const path of opened.files.keys()) texts[path] = (await opened.read(path)).toString();
  return texts;
}

test('parts that many have written are one directory after the commit, and nothing before', async () => {
  const store = new ModelStore();
  const session = await begun(store, { job: { of: 'a test' } });
  assert.deepEqual(session.job, { of: 'a test' });
  assert.deepEqual(await writePart(session, 2), { part: 2, wasDone: false });
  assert.deepEqual(await session.progress(), {
    state: 'open',
    partCount: 3,
    done: [2],
    begun: [],
  });
  await failsWith('PARTS_MISSING', session.commit(), /: 0-1\. /);
  await failsWith('NOT_FOUND', openDirectory(url, { store }));
  await writeAll(session);
  const committed = await session.commit();
  const { generation, ...told } = committed;
  assert.deepEqual(told, { path: url, fileCount: 6, sizeBytes: 18 });
  assert.deepEqual(await textsIn(store), {
    '0.txt': 'x of 0',
    '1.txt': 'x of 1',
    '2.txt': 'x of 2',
    'deep/0.txt': '',
    'deep/1.txt': '',
    'deep/2.txt': '',
  });
  assert.equal((await openDirectory(url, { store })).generation, generation);
  assert.deepEqual(await keysIn(store, 'site/parts/'), ['site/parts/session.json']);
  // Whoever comes later is answered as the first was.
  assert.deepEqual(await session.commit(), committed);
  assert.deepEqual(await writePart(session, 0, 'other'), { part: 0, wasDone: true });
  assert.deepEqual((await session.progress()).state, 'committed');
  assert.equal(await abandonParts(url, session.id, { store }), false);
  assert.equal(
    (await beginParts(url, { store, partCount: 3, job: { of: 'a test' } })).state,
    'committed',
  );
  await failsWith(
    'ALREADY_EXISTS',
    beginParts(url, { store, partCount: 3 }),
    /ifExists: 'replace'/,
  );
});

test('the same job joins the session that is open, another one is refused with its id', async () => {
  const store = new ModelStore();
  const { id } = await begun(store, { job: 1 });
  const again = await beginParts(url, { store, partCount: 3, job: 1 });
  assert.deepEqual(again, { id, partCount: 3, state: 'open' });
  await failsWith('ALREADY_EXISTS', beginParts(url, { store, partCount: 3, job: 2 }), RegExp(id));
  await failsWith('ALREADY_EXISTS', beginParts(url, { store, partCount: 4, job: 1 }), RegExp(id));
});

test('a part that is done is not made again, and one of other bytes is refused', async () => {
  const store = new ModelStore();
  const session = await begun(store);
  let calls = 0;
  const fill = async (): Promise<void> => {
    calls += 1;
  };
  await session.writePart(0, fill);
  assert.deepEqual(await session.writePart(0, fill), { part: 0, wasDone: true });
  assert.equal(calls, 1);
  // Both have looked before either was done.
  const both = new Set<string>();
  let go: () => void = () => undefined;
  const met = new Promise<void>((resolve) => (go = resolve));
  const racing = (label: string) =>
    session.writePart(1, async (stage) => {
      await stage.write('1.txt', label);
      both.add(stage.url);
      if (both.size === 2) go();
      await met;
    });
  const settled = await Promise.allSettled([racing('a'), racing('b')]);
  const failed = settled.filter(({ status }) => status === 'rejected');
  assert.equal(failed.length, 1);
  assert.ok(isHoldfastError((failed[0] as PromiseRejectedResult).reason, 'PART_DIFFERS'));
  await session.writePart(2, fill);
  await session.commit();
  const text = settled[0]?.status === 'fulfilled' ? 'a' : 'b';
  assert.deepEqual(await textsIn(store), { '1.txt': text });
});

test('a part that fails leaves nothing, and is written again', async () => {
  const store = new ModelStore();
  const session = await begun(store);
  const broken = session.writePart(0, async (stage) => {
    await stage.write('0.txt', 'x');
    throw new Error('broken');
  });
  await failsWith('UPDATER_FAILED', broken);
  assert.deepEqual(await keysIn(store, `site/parts/${session.id}/`), []);
  await failsWith(
    'INVALID_ARGUMENT',
    session.writePart(3, () => undefined),
    /from 0 to 2/,
  );
  await failsWith(
    'INVALID_ARGUMENT',
    session.writePart(0, (stage) => stage.write('a/../b', 'x')),
  );
  await failsWith('INVALID_ARGUMENT', joinParts(url, 'x', { store }), /id of a session/);
  await writeAll(session);
  await session.commit();
});

test('a commit takes no file that is gone, shorter, or has a flipped bit: its part is written again', async () => {
  const changes: Readonly<Record<string, (store: ModelStore, key: string) => unknown>> = {
    gone: (store, key) => store.delete({ bucket, key }),
    short: (store, key) => store.put({ bucket, key }, Buffer.from('x of')),
    other: (store, key) => store.put({ bucket, key }, Buffer.from('y of 1')),
    // What the store lists is what was written; what it reads is not.
    flipped: (store, key) => {
      const get = store.get.bind(store);
      let isBroken = true;
      store.get = async (name, options) => {
        const found = await get(name, options);
        if (name.key !== key || found.outcome !== 'found' || !isBroken) return found;
        return { ...found, body: Buffer.from('z of 1') };
      };
      return () => (isBroken = false);
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    const store = new ModelStore();
    const session = await begun(store);
    await writeAll(session);
    const key = (await keysIn(store, `site/parts/${session.id}/attempts/`)).find((each) =>
      /1-[0-9a-f]+\/1\.txt$/.test(each),
    );
    await change(store, key ?? '');
    await failsWith('PARTS_MISSING', session.commit(), /: 1\. /);
    assert.deepEqual((await session.progress()).done, [0, 2], what);
    await failsWith('NOT_FOUND', openDirectory(url, { store }));
    assert.deepEqual(await writePart(session, 1), { part: 1, wasDone: false }, what);
    await session.commit();
    assert.equal((await textsIn(store))['1.txt'], 'x of 1', what);
  }
});

test('a part whose files are gone is made again without a commit in between', async () => {
  const store = new ModelStore();
  const session = await begun(store);
  await writeAll(session);
  for (const key of await keysIn(store, `site/parts/${session.id}/attempts/0-`))
    await store.delete({ bucket, key });
  assert.deepEqual(await writePart(session, 0), { part: 0, wasDone: false });
  await session.commit();
  assert.equal((await textsIn(store))['0.txt'], 'x of 0');
});

test('two parts that have made one file are refused', async () => {
  const store = new ModelStore();
  const session = await begun(store, { partCount: 2 });
  for (const part of [0, 1]) await session.writePart(part, (stage) => stage.write('same', 'x'));
  await failsWith('PATH_CONFLICT', session.commit(), /'same'/);
});

test('an abandoned session is gone for everybody, and another takes its place', async () => {
  const store = new ModelStore();
  const session = await begun(store);
  await writeAll(session);
  assert.equal(await abandonParts(url, session.id, { store }), true);
  assert.equal(await abandonParts(url, session.id, { store }), false);
  assert.deepEqual(await keysIn(store), ['site/parts/session.json']);
  await failsWith('SESSION_GONE', writePart(session, 0));
  await failsWith('SESSION_GONE', session.commit());
  await failsWith('SESSION_GONE', session.progress());
  await failsWith('SESSION_GONE', joinParts(url, session.id, { store }));
  const next = await begun(store);
  await writeAll(next, 'next');
  await next.commit();
  assert.equal((await textsIn(store))['0.txt'], 'next of 0');
});

test('a straggler of an ended session changes nothing of the next one, which removes what it has left', async () => {
  const store = new ModelStore();
  const session = await begun(store);
  let goOn: () => void = () => undefined;
  let isBegun: () => void = () => undefined;
  const begins = new Promise<void>((resolve) => (isBegun = resolve));
  const straggler = session.writePart(0, async (stage) => {
    isBegun();
    await new Promise<void>((resolve) => (goOn = resolve));
    await stage.write('0.txt', 'late');
  });
  await begins;
  await abandonParts(url, session.id, { store });
  const next = await begun(store);
  await writeAll(next, 'next');
  goOn();
  await failsWith('SESSION_GONE', straggler);
  await next.commit();
  assert.equal((await textsIn(store))['0.txt'], 'next of 0');
  assert.deepEqual(await keysIn(store, 'site/parts/'), ['site/parts/session.json']);
});

test('a directory is replaced by parts only when that was said, and keeps what it is told to', async () => {
  const store = new ModelStore();
  await publishDirectory(url, (stage) => stage.write('old', 'x'), { store });
  await failsWith('ALREADY_EXISTS', begun(store), /ifExists/);
  const session = await begun(store, { ifExists: 'replace', keepForMs: 0 });
  await writeAll(session);
  await session.commit();
  assert.ok(!('old' in (await textsIn(store))));
  assert.equal((await keysIn(store, 'site/manifests/')).length, 1);
  // What is to be replaced is begun anew.
  const next = await begun(store, { ifExists: 'replace', keepForMs: 0 });
  assert.notEqual(next.id, session.id);
});

test('a commit that died after it had published is answered from what leads to it', async () => {
  const store = new ModelStore();
  const session = await begun(store);
  await writeAll(session);
  await commitAndDie(store, session);
  const { generation } = await openDirectory(url, { store });
  const committed = await session.commit();
  assert.equal(committed.generation, generation);
  assert.equal((await keysIn(store, 'site/manifests/')).length, 1);
  assert.deepEqual(await session.commit(), committed);
});

test('a commit that is overtaken by one that dies gives the answer of that one', async () => {
  const store = new ModelStore();
  const session = await begun(store);
  await writeAll(session);
  const list = store.list.bind(store);
  store.list = async (...args) => {
    store.list = list;
    await commitAndDie(store, session);
    return list(...args);
  };
  const committed = await session.commit();
  assert.equal((await openDirectory(url, { store })).generation, committed.generation);
  assert.equal((await keysIn(store, 'site/manifests/')).length, 1);
});

/** It dies when what leads to the files has been replaced. */
async function commitAndDie(store: ModelStore, session: PartsSession): Promise<void> {
  const put = store.put.bind(store);
  let isDead = false;
  store.put = async (name, body, options) => {
    if (isDead)
      return { outcome: 'refused', refusal: { code: 'Dead', message: '', isTransient: false } };
    isDead = name.key.endsWith('current.json');
    return put(name, body, options);
  };
  await assert.rejects(session.commit(), { outcome: 'committed' });
  store.put = put;
}

test('what is no session of this version is left alone', async () => {
  const store = new ModelStore();
  const name = { bucket, key: 'site/parts/session.json' };
  await store.put(name, Buffer.from('{"version":2,"open":null,"last":null}\n'));
  await failsWith('CORRUPT_DOCUMENT', begun(store), /version/);
});
