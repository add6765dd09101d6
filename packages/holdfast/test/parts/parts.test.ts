import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { test, type TestContext } from 'node:test';
import {
  abandonParts,
  acquireLock,
  beginParts,
  type CommittedParts,
  isHoldfastError,
  joinParts,
  publishDirectory,
  type PartsSession,
  type Stage,
} from 'holdfast';
import { nodeFileSystem, systemError } from 'holdfast/os';
import { interceptFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { fillPart, letter } from './fill-part.js';

const isWindows = process.platform === 'win32';

/** Every file below a directory with its content. */
function treeOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/'))
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}

function failsWith(code: string, message = /./u): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isHoldfastError(error), String(error));
    assert.deepEqual([error.code, error.outcome], [code, 'unchanged'], error.message);
    assert.match(error.message, message);
    return true;
  };
}

interface Begun {
  readonly root: string;
  readonly path: string;
  readonly id: string;
  readonly session: PartsSession;
}

async function begun(t: TestContext, partCount: number, ifExists?: 'replace'): Promise<Begun> {
  const root = temporaryDirectory(t);
  const path = `${root}/out`;
  const { id, state } = await beginParts(path, { partCount, job: { of: 'a test' }, ifExists });
  assert.equal(state, 'begun');
  return { root, path, id, session: await joinParts(path, id) };
}

const writePart = (session: PartsSession, part: number) =>
  session.writePart(part, (stage) => fillPart(stage, part));

const whole = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, part) => [
      [`${letter(part)}.txt`, letter(part).repeat(5000)],
      [`deep/${letter(part)}/x`, String(part)],
    ]).flat(),
  );

async function partsOf(records: CommittedParts['records']): Promise<number[]> {
  const parts: number[] = [];
  for await (const { part } of records()) parts.push(part);
  return parts;
}

/** What may lie beside a target that was committed. */
const AFTER_COMMIT = ['.out.session.json', 'out', 'out.lock'];

test('parts that are written in any order are published as one tree, and nothing else is left', async (t) => {
  const { root, path, id, session } = await begun(t, 3);
  for (const part of [2, 0, 1]) {
    assert.deepEqual(await writePart(session, part), { part, wasDone: false });
    assert.equal(existsSync(path), false);
  }
  const published = await session.commit();
  assert.deepEqual(published, { path, fileCount: 6, sizeBytes: 15_003, previousPath: null });
  assert.deepEqual(treeOf(path), whole(3));
  assert.deepEqual(readdirSync(root).toSorted(), AFTER_COMMIT);
  assert.equal((await joinParts(path, id)).partCount, 3);
});

test(
  'symlinks and empty directories of a part are published as they are',
  { skip: isWindows },
  async (t) => {
    const { path, session } = await begun(t, 1);
    await session.writePart(0, (stage) => {
      mkdirSync(`${stage.path}/empty/er`, { recursive: true });
      symlinkSync('nowhere', `${stage.path}/link`);
    });
    await session.commit();
    assert.deepEqual(readdirSync(path, { recursive: true, encoding: 'utf8' }).toSorted(), [
      'empty',
      'empty/er',
      'link',
    ]);
  },
);

test('a session is begun once for a job, refused for another, and answered after its commit', async (t) => {
  const { path, id, session } = await begun(t, 1);
  const options = { partCount: 1, job: { of: 'a test' } };
  assert.deepEqual(await beginParts(path, options), { id, partCount: 1, state: 'open' });
  await assert.rejects(
    beginParts(path, { partCount: 1, job: 'another' }),
    failsWith('ALREADY_EXISTS', new RegExp(id, 'u')),
  );
  await assert.rejects(beginParts(path, { ...options, partCount: 2 }), failsWith('ALREADY_EXISTS'));
  await writePart(session, 0);
  await session.commit();
  assert.deepEqual(await beginParts(path, options), { id, partCount: 1, state: 'committed' });
  await assert.rejects(
    beginParts(path, { partCount: 1, job: 'another' }),
    failsWith('ALREADY_EXISTS', /ifExists/u),
  );
});

test('a part that is done is not made again', async (t) => {
  const { session } = await begun(t, 1);
  await writePart(session, 0);
  const again = await session.writePart(0, () => assert.fail('it is made again'));
  assert.deepEqual(again, { part: 0, wasDone: true });
});

/** Two calls of one part whose functions have both begun before either goes on. */
async function twiceAtOnce(
  session: PartsSession,
  fills: readonly [(stage: Stage) => Promise<void>, (stage: Stage) => Promise<void>],
): Promise<PromiseSettledResult<{ wasDone: boolean }>[]> {
  let waiting = 0;
  let goOn = (): void => undefined;
  const both = new Promise<void>((resolve) => (goOn = resolve));
  return Promise.allSettled(
    fills.map((fill) =>
      session.writePart(0, async (stage) => {
        waiting += 1;
        if (waiting === fills.length) goOn();
        await both;
        await fill(stage);
      }),
    ),
  );
}

test('of two attempts at once that make the same, one is done by the other', async (t) => {
  const { root, path, id, session } = await begun(t, 1);
  const fill = (stage: Stage) => fillPart(stage, 0);
  const results = await twiceAtOnce(session, [fill, fill]);
  const done = results.map((result) => result.status === 'fulfilled' && result.value.wasDone);
  assert.deepEqual(new Set(done), new Set([false, true]));
  assert.equal(readdirSync(`${root}/.out.session-${id}/attempts`).length, 1);
  await session.commit();
  assert.deepEqual(treeOf(path), whole(1));
});

test('an attempt that finds the part done by another says so once the record of the other is durable', async (t) => {
  const { path, id, session } = await begun(t, 1);
  const syncs: string[] = [];
  let isOver = false;
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path: of, handle }) => {
      if (isOver && name === 'sync' && handle !== undefined) syncs.push(of.replace(/^.*\//u, ''));
      return undefined;
    },
  });
  const late = await joinParts(path, id, { fs });
  const { wasDone } = await late.writePart(0, async (stage) => {
    await fillPart(stage, 0);
    await writePart(session, 0);
    isOver = true;
  });
  assert.equal(wasDone, true);
  assert.equal(syncs.at(-1), 'parts');
});

test('of two attempts that make different bytes, or values, the second is refused and leaves nothing', async (t) => {
  const { root, path, id, session } = await begun(t, 1);
  const results = await twiceAtOnce(session, [
    (stage) => stage.write('f', 'one'),
    (stage) => stage.write('f', 'two'),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  assert.ok(failed?.status === 'rejected');
  failsWith('PART_DIFFERS')(failed.reason);
  const attempts = readdirSync(`${root}/.out.session-${id}/attempts`);
  assert.equal(attempts.length, 1);
  const first = readFileSync(`${root}/.out.session-${id}/attempts/${attempts[0]}/f`, 'utf8');
  await session.commit();
  assert.deepEqual(treeOf(path), { f: first });
});

test('what fill returns belongs to a part, and is compared', async (t) => {
  const { session } = await begun(t, 1);
  let value = 0;
  const calls = Array.from({ length: 2 }, () =>
    session.writePart(0, async (stage) => {
      await stage.write('f', 'same');
      value += 1;
      return { value };
    }),
  );
  const [, second] = (await Promise.allSettled(calls)).toSorted((a, b) =>
    a.status < b.status ? -1 : 1,
  );
  assert.ok(second?.status === 'rejected');
  failsWith('PART_DIFFERS')(second.reason);
  const values = await session.commitWith(async ({ records }) => {
    const found: string[] = [];
    for await (const record of records()) found.push(JSON.stringify(record.value));
    return found;
  });
  assert.match(String(values), /^\{"value":[12]\}$/u);
});

const digestOf = (text: string) => ({
  sizeBytes: text.length,
  sha256: createHash('sha256').update(text).digest('hex'),
});

test('a file whose checksum was taken while it was written is read by the commit alone', async (t) => {
  const { path, id } = await begun(t, 1);
  const looks: string[] = [];
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path: at }) => {
      if (name === 'read') looks.push(at.replace(/.*[/\\]/u, ''));
      return undefined;
    },
  });
  const session = await joinParts(path, id, { fs });
  const digests = new Map<string, { sizeBytes: number; sha256: string }>();
  await session.writePart(
    0,
    async (stage) => {
      for (const name of ['known', 'deep/known', 'longer', 'no-checksum', 'unknown'])
        await stage.write(name, name);
      for (const name of ['known', 'deep/known', 'no-checksum']) digests.set(name, digestOf(name));
      digests.set('longer', digestOf('short'));
      digests.set('no-checksum', { sizeBytes: 'no-checksum'.length, sha256: '' });
    },
    { digests },
  );
  const ofParts = (): string[] => [...new Set(looks)].filter((name) => !name.endsWith('.json'));
  assert.deepEqual(ofParts().toSorted(), ['longer', 'no-checksum', 'unknown']);
  await session.commit();
  assert.ok(ofParts().includes('known'));
  assert.equal(treeOf(path)['deep/known'], 'deep/known');
});

test('a checksum that is not that of the file is found by the commit', async (t) => {
  const { session } = await begun(t, 1);
  const write = (digests: ReadonlyMap<string, ReturnType<typeof digestOf>>) =>
    session.writePart(0, (stage) => stage.write('f', 'this'), { digests });
  await write(new Map([['f', digestOf('that')]]));
  await assert.rejects(session.commit(), failsWith('PARTS_MISSING', /: 0\./u));
  await write(new Map([['f', digestOf('this')]]));
  await session.commit();
});

test('a record that is exchanged after the commit has checked it is not published', async (t) => {
  const { root, id, session } = await begun(t, 2);
  for (const part of [0, 1]) await writePart(session, part);
  const record = `${root}/.out.session-${id}.committing/parts/1.json`;
  const meanwhile = [
    () => rmSync(record),
    () => writeFileSync(record, readFileSync(record, 'utf8').replace('b.txt', 'c.txt')),
    () => cpSync(`${root}/of-another-attempt.json`, record),
  ];
  cpSync(record.replace('.committing', ''), `${root}/kept.json`);
  const another = JSON.parse(readFileSync(`${root}/kept.json`, 'utf8')) as Record<string, unknown>;
  delete another['check'];
  another['attempt'] = '1-0123456789abcdef';
  const check = createHash('sha256').update(JSON.stringify(another)).digest('hex');
  writeFileSync(`${root}/of-another-attempt.json`, JSON.stringify({ ...another, check }));
  for (const happens of meanwhile) {
    const commit = session.commitWith(async ({ records }) => {
      happens();
      return partsOf(records);
    });
    await assert.rejects(commit, failsWith('TARGET_CHANGED', /part 1/u));
    cpSync(`${root}/kept.json`, record.replace('.committing', ''));
  }
  await session.commit();
});

test('a part that fails leaves nothing and can be made again', async (t) => {
  const { root, id, session } = await begun(t, 1);
  const failing = session.writePart(0, async (stage) => {
    await stage.write('half', '1');
    throw new Error('no input');
  });
  await assert.rejects(failing, failsWith('UPDATER_FAILED', /no input/u));
  assert.deepEqual(readdirSync(`${root}/.out.session-${id}/attempts`), []);
  assert.deepEqual(await writePart(session, 0), { part: 0, wasDone: false });
});

test('a commit names the parts that are missing, and leaves the session open', async (t) => {
  const { path, session } = await begun(t, 9);
  for (const part of [3, 6]) await writePart(session, part);
  await assert.rejects(session.commit(), failsWith('PARTS_MISSING', /: 0-2,4-5,7-8\./u));
  assert.equal(existsSync(path), false);
  const { state, done } = await session.progress();
  assert.deepEqual({ state, done }, { state: 'open', done: [3, 6] });
  for (let part = 0; part < 9; part += 1) await writePart(session, part);
  await session.commit();
  assert.deepEqual(treeOf(path), whole(9));
});

/** The file of a part in its session. */
function fileOf({ root, id }: Begun, name: string): string {
  const attempts = `${root}/.out.session-${id}/attempts`;
  const attempt = readdirSync(attempts).find((each) => existsSync(`${attempts}/${each}/${name}`));
  return `${attempts}/${attempt}/${name}`;
}

const damages: readonly (readonly [string, (begun: Begun) => void])[] = [
  ['short', (all) => truncateSync(fileOf(all, 'b.txt'), 4999)],
  ['gone', (all) => rmSync(fileOf(all, 'b.txt'))],
  [
    'with a flipped bit',
    (all) => {
      const bytes = readFileSync(fileOf(all, 'b.txt'));
      bytes[4000] = (bytes[4000] ?? 0) ^ 1;
      writeFileSync(fileOf(all, 'b.txt'), bytes);
    },
  ],
  [
    'whose record has a flipped digit',
    ({ root, id }) => {
      const record = `${root}/.out.session-${id}/parts/1.json`;
      writeFileSync(record, readFileSync(record, 'utf8').replace('5000', '5001'));
    },
  ],
  [
    'whose record speaks of another part',
    ({ root, id }) => {
      const parts = `${root}/.out.session-${id}/parts`;
      writeFileSync(`${parts}/1.json`, readFileSync(`${parts}/0.json`));
    },
  ],
];

for (const [name, damage] of damages) {
  test(`a commit does not take a part ${name}: it is to be made again`, async (t) => {
    const all = await begun(t, 2);
    const { session, path } = all;
    await writePart(session, 0);
    await writePart(session, 1);
    damage(all);
    await assert.rejects(session.commit(), failsWith('PARTS_MISSING', /: 1\./u));
    assert.equal(existsSync(path), false);
    assert.deepEqual(await writePart(session, 0), { part: 0, wasDone: true });
    assert.deepEqual(await writePart(session, 1), { part: 1, wasDone: false });
    await session.commit();
    assert.deepEqual(treeOf(path), whole(2));
  });
}

test('a part whose file is short is made again by the next attempt at it', async (t) => {
  const all = await begun(t, 2);
  await writePart(all.session, 1);
  truncateSync(fileOf(all, 'b.txt'), 1);
  assert.deepEqual(await writePart(all.session, 1), { part: 1, wasDone: false });
});

test('two parts that make one file are refused by the commit, and a directory may be of both', async (t) => {
  const { session, path } = await begun(t, 2);
  await session.writePart(0, (stage) => stage.write('d/same', '0'));
  await session.writePart(1, (stage) => stage.write('d/same', '1'));
  await assert.rejects(session.commit(), failsWith('PATH_CONFLICT', /d\/same/u));
  assert.equal(existsSync(path), false);
});

test('a commit is answered again, at once and later, as the first was', async (t) => {
  const { path, id, session } = await begun(t, 2);
  await writePart(session, 0);
  await writePart(session, 1);
  const answers = await Promise.all([session.commit(), session.commit()]);
  answers.push(await (await joinParts(path, id)).commit());
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  rmSync(`${path}/a.txt`);
  await session.commit();
  assert.equal(existsSync(`${path}/a.txt`), false);
  assert.deepEqual(await writePart(session, 0), { part: 0, wasDone: true });
  assert.equal((await session.progress()).state, 'committed');
});

test('a commit replaces a tree and keeps it, if the session was begun so', async (t) => {
  const root = temporaryDirectory(t);
  const path = `${root}/out`;
  await publishDirectory(path, (stage) => stage.write('old', '1'));
  await assert.rejects(beginParts(path, { partCount: 1 }), failsWith('ALREADY_EXISTS'));
  const options = { partCount: 1, ifExists: 'replace', keepPrevious: 1 } as const;
  const { id } = await beginParts(path, options);
  const session = await joinParts(path, id);
  await writePart(session, 0);
  assert.deepEqual(treeOf(path), { old: '1' });
  const { previousPath } = await session.commit();
  assert.deepEqual(treeOf(path), whole(1));
  assert.deepEqual(treeOf(String(previousPath)), { old: '1' });
  const { id: next, state } = await beginParts(path, options);
  assert.equal(state, 'begun');
  assert.notEqual(next, id);
});

test('what is not named by a record is not published', async (t) => {
  const all = await begun(t, 2);
  await writePart(all.session, 0);
  await writePart(all.session, 1);
  const dead = `${all.root}/.out.session-${all.id}/attempts/0-00000000000000000000`;
  mkdirSync(dead);
  writeFileSync(`${dead}/stranger`, 'of a worker that died');
  writeFileSync(fileOf(all, 'a.txt').replace('a.txt', 'late'), 'of a process that runs on');
  await all.session.commit();
  assert.deepEqual(treeOf(all.path), whole(2));
  assert.deepEqual(readdirSync(all.root).toSorted(), AFTER_COMMIT);
});

/** Stops an attempt at part 0 in the middle, does something else, and lets it go on. */
async function straggler(session: PartsSession, meanwhile: () => Promise<void>) {
  let goOn = (): void => undefined;
  const told = new Promise<void>((resolve) => (goOn = resolve));
  let beginning = (): void => undefined;
  const isFilling = new Promise<void>((resolve) => (beginning = resolve));
  const late = session.writePart(0, async (stage) => {
    await stage.write('a.txt', letter(0).repeat(5000));
    beginning();
    await told;
    await stage.write('deep/a/x', '0');
  });
  late.catch(() => undefined);
  await isFilling;
  await meanwhile();
  goOn();
  return late;
}

const noRename = isWindows && 'a directory with open files has to stay where it is';

test(
  'a straggler that goes on after the commit is told that its part is done',
  { skip: noRename },
  async (t) => {
    const { root, path, session } = await begun(t, 1);
    const result = await straggler(session, async () => {
      await writePart(session, 0);
      await session.commit();
    });
    assert.deepEqual(result, { part: 0, wasDone: true });
    assert.deepEqual(treeOf(path), whole(1));
    assert.deepEqual(readdirSync(root).toSorted(), AFTER_COMMIT);
  },
);

test(
  'a straggler that goes on after an abandon is told not to, and leaves nothing',
  { skip: noRename },
  async (t) => {
    const { root, path, id, session } = await begun(t, 1);
    const late = straggler(session, async () => {
      assert.equal(await abandonParts(path, id), true);
    });
    await assert.rejects(late, failsWith('SESSION_GONE'));
    assert.deepEqual(readdirSync(root), ['out.lock']);
    assert.equal(await abandonParts(path, id), false);
    await assert.rejects(session.commit(), failsWith('SESSION_GONE'));
    await assert.rejects(writePart(session, 0), failsWith('SESSION_GONE'));
    await assert.rejects(joinParts(path, id), failsWith('SESSION_GONE'));
  },
);

test('a straggler of a session changes nothing of the next one', { skip: noRename }, async (t) => {
  const { path, id, session } = await begun(t, 1);
  const late = straggler(session, async () => {
    await abandonParts(path, id);
    const next = await beginParts(path, { partCount: 1, job: 'the next' });
    const joined = await joinParts(path, next.id);
    await joined.writePart(0, (stage) => stage.write('a.txt', 'next'));
    await joined.commit();
  });
  await assert.rejects(late, failsWith('SESSION_GONE'));
  assert.deepEqual(treeOf(path), { 'a.txt': 'next' });
});

test(
  'a record that comes after the session was renamed away is no way into the commit',
  { skip: noRename },
  async (t) => {
    const { root, path, id, session } = await begun(t, 1);
    const open = `${root}/.out.session-${id}`;
    const late = straggler(session, async () => renameSync(open, `${open}.committing`));
    await assert.rejects(late, failsWith('TARGET_CHANGED', /being committed/u));
    assert.equal(existsSync(path), false);
    // Whoever commits next finds the session as it is, and gives it back.
    await assert.rejects(session.commit(), failsWith('PARTS_MISSING'));
    await writePart(session, 0);
    await session.commit();
    assert.deepEqual(treeOf(path), whole(1));
  },
);

test('a commit that died after its publish is brought to its end, and publishes nothing again', async (t) => {
  const { path, id } = await begun(t, 1);
  await writePart(await joinParts(path, id), 0);
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, args }) =>
      name === 'rename' && String(args[1]).endsWith('.out.session.json')
        ? { throws: systemError(constants.errno.EIO, 'rename', path) }
        : undefined,
  });
  const dying = await joinParts(path, id, { fs });
  await assert.rejects(dying.commit());
  assert.deepEqual(treeOf(path), whole(1));
  const { ino } = statSync(path);
  const { fileCount } = await (await joinParts(path, id)).commit();
  assert.equal(fileCount, 2);
  assert.equal(statSync(path).ino, ino);
});

test('a session whose commit or abandon died is open again for who begins it again', async (t) => {
  const { root, path, id, session } = await begun(t, 1);
  const open = `${root}/.out.session-${id}`;
  renameSync(open, `${open}.committing`);
  await assert.rejects(writePart(session, 0), failsWith('TARGET_CHANGED'));
  const again = await beginParts(path, { partCount: 1, job: { of: 'a test' } });
  assert.deepEqual(again, { id, partCount: 1, state: 'open' });
  await writePart(session, 0);
  await session.commit();
  assert.deepEqual(treeOf(path), whole(1));
});

test('while it is committed nobody finds a session by its name, and its parts are done', async (t) => {
  const { root, path, id, session } = await begun(t, 1);
  await writePart(session, 0);
  const answer = await session.commitWith(async ({ records }) => {
    assert.equal(existsSync(`${root}/.out.session-${id}`), false);
    assert.equal((await session.progress()).state, 'committing');
    assert.deepEqual(await writePart(session, 0), { part: 0, wasDone: true });
    return partsOf(records);
  });
  assert.deepEqual(answer, [0]);
  assert.equal((await joinParts(path, id)).id, id);
});

test('a beginning, a commit and an abandon are one at a time', async (t) => {
  const { root, path, id, session } = await begun(t, 1);
  await writePart(session, 0);
  // To a lock a filesystem of its own is another process.
  const lock = await acquireLock(path, { fs: { ...nodeFileSystem } });
  const options = { partCount: 1, job: { of: 'a test' }, timeoutMs: 0 };
  for (const call of [
    () => beginParts(path, options),
    () => session.commit({ timeoutMs: 0 }),
    () => abandonParts(path, id, { timeoutMs: 0 }),
  ])
    await assert.rejects(call, failsWith('LOCK_TIMEOUT'));
  await lock.release();
  assert.ok(existsSync(`${root}/.out.session-${id}`));
  assert.equal((await session.commit()).fileCount, 2);
});

test('where no file can have a second name the commit copies', async (t) => {
  const { path, id, session } = await begun(t, 2);
  await writePart(session, 0);
  await writePart(session, 1);
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name }) =>
      name === 'link' ? { throws: systemError(constants.errno.EPERM, 'link', path) } : undefined,
  });
  await (await joinParts(path, id, { fs })).commit();
  assert.deepEqual(treeOf(path), whole(2));
});

test('an abandoned session that was half removed goes with the next beginning', async (t) => {
  const { root, path, id } = await begun(t, 1);
  rmSync(`${root}/.out.session-${id}/session.json`);
  const { state } = await beginParts(path, { partCount: 1, job: 'another' });
  assert.equal(state, 'begun');
  assert.equal(existsSync(`${root}/.out.session-${id}`), false);
});

test('a session that was damaged says so', async (t) => {
  const { root, path, id } = await begun(t, 1);
  writeFileSync(`${root}/.out.session-${id}/session.json`, '{"version":1}');
  await assert.rejects(joinParts(path, id), failsWith('CORRUPT_DOCUMENT'));
  assert.equal(await abandonParts(path, id), true);
});

test('arguments that mean nothing are refused before anything is touched', async (t) => {
  const root = temporaryDirectory(t);
  const path = `${root}/out`;
  for (const partCount of [0, -1, 1.5, Number.NaN, 1e9])
    await assert.rejects(beginParts(path, { partCount }), failsWith('INVALID_ARGUMENT'));
  for (const keepPrevious of [-1, 0.5])
    await assert.rejects(
      beginParts(path, { partCount: 1, keepPrevious }),
      failsWith('INVALID_ARGUMENT'),
    );
  await assert.rejects(joinParts(path, '../x'), failsWith('INVALID_ARGUMENT'));
  assert.deepEqual(readdirSync(root), []);
  const { id } = await beginParts(path, { partCount: 2 });
  const session = await joinParts(path, id);
  for (const part of [-1, 2, 0.5])
    await assert.rejects(
      async () => session.writePart(part, () => undefined),
      failsWith('INVALID_ARGUMENT'),
    );
});

test('where other machines may rename things, it is asked for the session again once a part is made', async (t) => {
  const { root, path, id } = await begun(t, 1);
  const calls: string[] = [];
  const watched = interceptFs(nodeFileSystem, {
    before: ({ name, path: of }) => {
      calls.push(`${name} ${of}`);
      return undefined;
    },
  });
  const onNfs = new Proxy(watched, {
    get(inner, name) {
      const member: unknown = Reflect.get(inner, name);
      if (name !== 'statFilesystem') return member;
      return async (of: string) => ({ ...(await inner.statFilesystem(of)), type: 0x6969 });
    },
  });
  await writePart(await joinParts(path, id, { fs: onNfs }), 0);
  const look = calls.lastIndexOf(`lstat ${root}/.out.session-${id}`);
  const made = calls.findLastIndex((call) => call.includes('/parts/.holdfast-'));
  assert.ok(made >= 0 && made < look);
  assert.ok(calls.slice(made, look).includes(`openDirectory ${root}`));
});

test('a beginning that could not make its session durable says so, and the next one does', async (t) => {
  const root = temporaryDirectory(t);
  let syncs = 0;
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, path, handle }) => {
      if (name !== 'sync' || handle === undefined || path !== root) return undefined;
      syncs += 1;
      return syncs === 1 ? { throws: systemError(constants.errno.EIO, 'fsync', path) } : undefined;
    },
  });
  const options = { partCount: 1, fs };
  await assert.rejects(beginParts(`${root}/out`, options), (error) => {
    assert.ok(isHoldfastError(error, 'SYNC_FAILED'));
    assert.equal(error.outcome, 'unknown');
    return true;
  });
  assert.equal((await beginParts(`${root}/out`, options)).state, 'open');
  assert.equal(syncs, 2);
});
