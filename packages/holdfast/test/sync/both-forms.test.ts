/** What calls do, in a table over their asynchronous and their synchronous form. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { interceptFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as holdfast from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import * as sync from 'holdfast/sync';

type Calls = Pick<
  typeof holdfast,
  | 'replaceFile'
  | 'updateFile'
  | 'readJson'
  | 'updateJson'
  | 'readEnv'
  | 'updateEnv'
  | 'readToml'
  | 'updateToml'
  | 'readYaml'
  | 'updateYaml'
  | 'appendRecords'
  | 'withLock'
  | 'acquireLock'
  | 'publishDirectory'
  | 'transaction'
>;

/**
 * The synchronous form in the types of the other one, so that a test awaits whichever it is given.
 */
function asAsync(name: string): unknown {
  const call = (sync as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
  assert.ok(call, name);
  return async (...args: unknown[]) => call(...args);
}

const names = Object.keys({
  replaceFile: 0,
  updateFile: 0,
  readJson: 0,
  updateJson: 0,
  readEnv: 0,
  updateEnv: 0,
  readToml: 0,
  updateToml: 0,
  readYaml: 0,
  updateYaml: 0,
  appendRecords: 0,
  withLock: 0,
  acquireLock: 0,
  publishDirectory: 0,
  transaction: 0,
} satisfies Record<keyof Calls, 0>);

const forms: Readonly<Record<string, Calls>> = {
  async: holdfast,
  sync: Object.fromEntries(names.map((name) => [name, asAsync(`${name}Sync`)])) as unknown as Calls,
};

function inBothForms(
  promise: string,
  check: (calls: Calls, directory: string, t: TestContext) => Promise<void>,
): void {
  for (const [form, calls] of Object.entries(forms))
    test(`${form}: ${promise}`, (t) => check(calls, temporaryDirectory(t), t));
}

inBothForms('a file is made, replaced whole, and nothing lies beside it', async (calls, at) => {
  await calls.replaceFile(`${at}/a`, 'first');
  await calls.replaceFile(`${at}/a`, Buffer.from('second'));
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'second');
  await calls.replaceFile(`${at}/a`, [Buffer.from('in '), Buffer.from('pieces')]);
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'in pieces');
  assert.deepEqual(readdirSync(at), ['a']);
});

inBothForms('what is refused leaves the file and its directory as they were', async (calls, at) => {
  writeFileSync(`${at}/a`, 'old');
  const refusals = [
    [calls.replaceFile(`${at}/a`, 'x', { ifExists: 'fail' }), 'ALREADY_EXISTS'],
    [calls.replaceFile(at, 'x'), 'UNSUPPORTED_TARGET'],
    [calls.replaceFile(`${at}/no/a`, 'x'), 'NOT_FOUND'],
    [calls.replaceFile(`${at}/a`, '\uD800'), 'UNREPRESENTABLE'],
    [calls.replaceFile(`${at}/a`, failing()), 'UPDATER_FAILED'],
    [calls.replaceFile(`${at}/a`, 'x', { mode: -1 }), 'INVALID_ARGUMENT'],
    [calls.replaceFile(`${at}/a`, 'x', { signal: AbortSignal.abort() }), 'ABORTED'],
  ] as const;
  for (const [refused, code] of refusals)
    await assert.rejects(refused, { code, outcome: 'unchanged' });
  assert.equal(readFileSync(`${at}/a`, 'utf8'), 'old');
  assert.deepEqual(readdirSync(at), ['a']);
});

function* failing(): Generator<Uint8Array> {
  yield Buffer.from('half');
  throw new Error('the other half is missing');
}

inBothForms('a mode is kept, or given', async (calls, at) => {
  writeFileSync(`${at}/a`, 'old', { mode: 0o640 });
  await calls.replaceFile(`${at}/a`, 'new');
  await calls.replaceFile(`${at}/secret`, 'new', { secret: true });
  const modes = ['a', 'secret'].map((name) => statSync(`${at}/${name}`).mode & 0o777);
  assert.deepEqual(modes, [0o640, 0o600]);
});

inBothForms('a symlink stays, and what it leads to is replaced', async (calls, at) => {
  symlinkSync('target', `${at}/link`);
  await calls.replaceFile(`${at}/link`, 'new');
  assert.ok(lstatSync(`${at}/link`).isSymbolicLink());
  assert.equal(readFileSync(`${at}/target`, 'utf8'), 'new');
});

inBothForms('what is replaced is kept as versions', async (calls, at) => {
  for (const text of ['1', '2', '3']) await calls.replaceFile(`${at}/a`, text, { keepPrevious: 2 });
  const kept = await holdfast.listPrevious(`${at}/a`);
  assert.deepEqual(kept.map(({ path }) => readFileSync(path, 'utf8')).toSorted(), ['1', '2']);
});

inBothForms('a document is made, and later only what was changed', async (calls, at) => {
  const path = `${at}/new/state.json`;
  assert.deepEqual(await calls.updateJson(path, () => ({ a: 1 })), { a: 1 });
  writeFileSync(path, '{ "a" : 1.0,\n\t"b":[ 1,2 ] }');
  const made = await calls.updateJson<Record<string, unknown>>(path, (value) => {
    value['c'] = true;
  });
  assert.deepEqual(made, { a: 1, b: [1, 2], c: true });
  assert.match(readFileSync(path, 'utf8'), /^\{ "a" : 1\.0,\n\t"b":\[ 1,2 \],\s*"c":\s*true/);
  assert.deepEqual(await calls.readJson(path), made);
});

inBothForms('a document that is not changed is not written', async (calls, at) => {
  await calls.updateJson(`${at}/a.json`, () => ({ a: 1 }));
  const { ino } = statSync(`${at}/a.json`);
  await calls.updateJson(`${at}/a.json`, () => undefined);
  assert.equal(statSync(`${at}/a.json`).ino, ino);
});

inBothForms('an updater that fails has not been called', async (calls, at) => {
  const path = `${at}/a.json`;
  await calls.updateJson(path, () => ({ a: 1 }));
  const before = readFileSync(path, 'utf8');
  const cause = new Error('no');
  const updates: readonly (readonly [Promise<unknown>, string])[] = [
    [
      calls.updateJson<Record<string, unknown>>(path, (value) => {
        value['a'] = 2;
        throw cause;
      }),
      'UPDATER_FAILED',
    ],
    [calls.updateJson<unknown>(path, () => ({ a: Number.NaN })), 'UNREPRESENTABLE'],
    [calls.updateJson(path, () => ({ a: 2 }), { schema: onlyOne }), 'SCHEMA_MISMATCH'],
  ];
  for (const [update, code] of updates)
    await assert.rejects(update, { code, outcome: 'unchanged' });
  assert.equal(readFileSync(path, 'utf8'), before);
});

const onlyOne: holdfast.StandardSchema<Record<string, unknown>> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      (value as { readonly a?: unknown }).a === 1
        ? { value: value as Record<string, unknown> }
        : { issues: [{ message: 'a is not 1' }] },
  },
};

inBothForms('a document that cannot be parsed is told, and kept', async (calls, at) => {
  const path = `${at}/a.json`;
  writeFileSync(path, '{"a":1,\n"b":}');
  const broken = { code: 'CORRUPT_DOCUMENT', message: /line 2, column 5/ };
  await assert.rejects(calls.readJson(path), broken);
  await assert.rejects(
    calls.updateJson(path, () => ({})),
    broken,
  );
  assert.equal(readFileSync(path, 'utf8'), '{"a":1,\n"b":}');
  await assert.rejects(calls.readJson(`${at}/none.json`), { code: 'NOT_FOUND' });
  assert.equal(await calls.readJson(`${at}/none.json`, { initial: 'none' }), 'none');
});

inBothForms('a broken document is set aside when that is asked for', async (calls, at) => {
  writeFileSync(`${at}/a.json`, '{"a"');
  await calls.updateJson(`${at}/a.json`, () => ({ a: 1 }), { onCorrupt: 'quarantine' });
  assert.deepEqual(await calls.readJson(`${at}/a.json`), { a: 1 });
  const [aside] = readdirSync(at).filter((name) => name.startsWith('a.json.corrupt-'));
  assert.equal(readFileSync(`${at}/${aside}`, 'utf8'), '{"a"');
});

inBothForms('files of other formats keep what was not changed', async (calls, at) => {
  writeFileSync(`${at}/.env`, '# keys\nA=1\n');
  writeFileSync(`${at}/a.toml`, '# keys\na = 1\n');
  writeFileSync(`${at}/a.yaml`, '# keys\na: 1\n');
  await calls.updateEnv(`${at}/.env`, (value) => ({ ...value, B: '2' }));
  await calls.updateToml(`${at}/a.toml`, (value) => ({ ...value, b: 2 }));
  await calls.updateYaml(`${at}/a.yaml`, (value) => ({ ...value, b: 2 }));
  const texts = ['.env', 'a.toml', 'a.yaml'].map((name) => readFileSync(`${at}/${name}`, 'utf8'));
  assert.deepEqual(texts, ['# keys\nA=1\nB=2\n', '# keys\na = 1\nb = 2\n', '# keys\na: 1\nb: 2\n']);
  assert.deepEqual(await calls.readEnv(`${at}/.env`), { A: '1', B: '2' });
  assert.deepEqual(await calls.readToml(`${at}/a.toml`), { a: 1, b: 2 });
  assert.deepEqual(await calls.readYaml(`${at}/a.yaml`), { a: 1, b: 2 });
});

inBothForms('any file is updated, as text or as bytes', async (calls, at) => {
  const path = `${at}/notes`;
  const text = await calls.updateFile(path, (old) => `${old}1\n`, { encoding: 'utf8' });
  assert.equal(text, '1\n');
  const bytes = await calls.updateFile(path, (old) => Buffer.concat([old, Buffer.from('2')]));
  assert.equal(bytes.toString(), '1\n2');
  assert.equal(readFileSync(path, 'utf8'), '1\n2');
});

inBothForms('records are appended whole, after a torn line too', async (calls, at) => {
  const [log, table] = [`${at}/log.jsonl`, `${at}/log.csv`];
  await calls.appendRecords(log, [{ n: 1 }]);
  writeFileSync(log, '{"n":1}\n{"n":');
  const { repairs } = await calls.appendRecords(log, [{ n: 2 }, { n: 3 }]);
  assert.equal(repairs.length, 1);
  assert.equal(readFileSync(log, 'utf8'), '{"n":1}\n{"n":2}\n{"n":3}\n');
  await calls.appendRecords(table, [{ a: 1, b: 'x' }]);
  await calls.appendRecords(table, [{ a: 2, b: 'y' }]);
  assert.equal(readFileSync(table, 'utf8'), 'a,b\n1,x\n2,y\n');
});

inBothForms('a log that is too long is rotated', async (calls, at) => {
  for (let n = 0; n < 4; n += 1)
    await calls.appendRecords(`${at}/log.jsonl`, [{ n }], { maxBytes: 20 });
  const logs = readdirSync(at).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(logs.toSorted(), ['log.jsonl', 'log.jsonl.1']);
});

inBothForms('a lock excludes others until it is released, also by a failure', async (calls, at) => {
  const path = `${at}/a`;
  const busy = { code: 'LOCK_TIMEOUT' };
  const lock = await calls.acquireLock(path);
  await assert.rejects(calls.acquireLock(path, { timeoutMs: 0 }), busy);
  await lock.assertHeld();
  await lock.release();
  assert.equal(lock.held, false);
  const failed = calls.withLock(path, () => {
    throw new Error('no');
  });
  await assert.rejects(failed, /no/);
  assert.equal(await calls.withLock(path, () => 'done', { timeoutMs: 0 }), 'done');
  const readers = [
    await calls.acquireLock(path, { mode: 'shared' }),
    await calls.acquireLock(path, { mode: 'shared' }),
  ];
  await assert.rejects(calls.acquireLock(path, { timeoutMs: 0 }), busy);
  for (const reader of readers) await reader.release();
});

inBothForms('a lock whose file is gone is lost', async (calls, at) => {
  const lock = await calls.acquireLock(`${at}/a`);
  rmSync(lock.lockPath);
  await assert.rejects(async () => lock.assertHeld(), { code: 'LOCK_LOST' });
  await lock.release();
});

inBothForms('a transaction that died is brought to its end first', async (calls, at) => {
  // Its journal is there, one of its files is in place, and the other is not.
  const dying = holdfast.transaction(
    at,
    async (tx) => {
      await tx.updateJson('a.json', () => ({ a: 2 }));
      await tx.updateJson('b.json', () => ({ b: 2 }));
    },
    { fs: dyingAtRename(3) },
  );
  await assert.rejects(dying);
  assert.equal(existsSync(`${at}/b.json`), false);
  await calls.updateJson(`${at}/b.json`, (value) => ({ ...value, c: 3 }));
  assert.deepEqual(await calls.readJson(`${at}/a.json`), { a: 2 });
  assert.deepEqual(await calls.readJson(`${at}/b.json`), { b: 2, c: 3 });
});

function dyingAtRename(number: number): Fs {
  let renames = 0;
  return interceptFs(nodeFileSystem, {
    before({ name }) {
      if (name.startsWith('rename')) renames += 1;
      return renames < number ? undefined : { throws: new Error('dead') };
    },
  });
}

/** All that lies below a directory, but for lock files. */
function namesBelow(at: string): readonly string[] {
  return readdirSync(at, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => !name.endsWith('.lock'))
    .toSorted();
}

inBothForms('a directory is published whole, replaced, and kept', async (calls, at) => {
  const first = await calls.publishDirectory(`${at}/out`, (stage) => {
    void stage.write('sub/a', 'first');
    void stage.spawn(() => stage.write('b', [Buffer.from('in '), Buffer.from('pieces')]));
    return 'value';
  });
  assert.deepEqual([first.value, first.fileCount], ['value', 2]);
  assert.equal(readFileSync(`${at}/out/b`, 'utf8'), 'in pieces');
  const filled = calls.publishDirectory(`${at}/out`, () => undefined);
  await assert.rejects(filled, { code: 'ALREADY_EXISTS', outcome: 'unchanged' });
  const second = await calls.publishDirectory(
    `${at}/out`,
    (stage) => void stage.write('c', 'second'),
    { ifExists: 'replace', keepPrevious: 1 },
  );
  assert.equal(second.previousPath, `${second.path}.previous-1`);
  assert.deepEqual(namesBelow(at), [
    'out',
    'out.previous-1',
    'out.previous-1/b',
    'out.previous-1/sub',
    'out.previous-1/sub/a',
    'out/c',
  ]);
});

inBothForms('a directory that could not be filled is not published', async (calls, at) => {
  const fills: readonly (readonly [(stage: holdfast.Stage) => unknown, string])[] = [
    [
      () => {
        throw new Error('not so');
      },
      'UPDATER_FAILED',
    ],
    // A failure that is not heeded counts.
    [(stage) => ignoring(() => stage.write('../a', 'x')), 'PATH_ESCAPES'],
    [
      (stage) =>
        ignoring(() =>
          stage.spawn(() => {
            throw new Error('not so');
          }),
        ),
      'UPDATER_FAILED',
    ],
    [(stage) => ignoring(() => (stage.write('a', 'x'), stage.write('a', 'y'))), 'ALREADY_EXISTS'],
  ];
  for (const [fill, code] of fills)
    await assert.rejects(calls.publishDirectory(`${at}/out`, fill), {
      code,
      outcome: 'unchanged',
    });
  const signal = AbortSignal.abort();
  const aborted = calls.publishDirectory(`${at}/out`, () => undefined, { signal });
  await assert.rejects(aborted, { code: 'ABORTED', outcome: 'unchanged' });
  assert.deepEqual(readdirSync(at), []);
});

inBothForms('what has ended takes no more', async (calls, at) => {
  const late = { code: 'INVALID_ARGUMENT', message: /has gone on, or failed/ };
  let stage: holdfast.Stage | undefined;
  await calls.publishDirectory(`${at}/out`, (given) => {
    stage = given;
    void given.write('a', 'x');
  });
  await assert.rejects(async () => stage?.write('b', 'x'), late);
  assert.throws(() => stage?.at('a'), late);
  let transaction: holdfast.Transaction | undefined;
  await calls.transaction(at, (given) => void (transaction = given));
  await assert.rejects(async () => transaction?.replaceFile('b', 'x'), late);
  assert.deepEqual(namesBelow(at), ['out', 'out/a']);
});

function ignoring(work: () => Promise<unknown>): void {
  try {
    // The synchronous form has thrown by now, and has no promise.
    (work() as Promise<unknown> | undefined)?.catch(() => undefined);
  } catch {
    // As said above.
  }
}

inBothForms('a run that failed is resumed', async (calls, at) => {
  const failed = calls.publishDirectory(
    `${at}/out`,
    (stage) => {
      void stage.write('a', 'kept');
      throw new Error('the rest is missing');
    },
    { resume: true },
  );
  await assert.rejects(failed, { code: 'UPDATER_FAILED' });
  const { value } = await calls.publishDirectory(
    `${at}/out`,
    (stage) => {
      void stage.write('b', 'new');
      return stage.resumed;
    },
    { resume: true },
  );
  assert.equal(value, true);
  assert.deepEqual(namesBelow(at), ['out', 'out/a', 'out/b']);
});

inBothForms('several paths change together, in the order of the calls', async (calls, at) => {
  writeFileSync(`${at}/old`, 'old');
  writeFileSync(`${at}/gone`, 'gone');
  writeFileSync(`${at}/e.env`, 'A=1\n');
  writeFileSync(`${at}/t`, 'text');
  let found = '';
  const value = await calls.transaction(at, (tx) => {
    void tx.replaceFile('a', 'new');
    void tx.rename('old', 'renamed');
    void tx.remove('gone');
    void tx.updateFile('t', (text) => ((found = text), `${text}!`), { encoding: 'utf8' });
    void tx.updateJson('j.json', (json) => void (json['found'] = found));
    void tx.updateEnv('e.env', (env) => ({ ...env, B: '2' }));
    void tx.publishDirectory('tree', (stage) => void stage.write('leaf', 'leaf'));
    return 'value';
  });
  assert.equal(value, 'value');
  assert.deepEqual(namesBelow(at), ['a', 'e.env', 'j.json', 'renamed', 't', 'tree', 'tree/leaf']);
  const texts = ['a', 't', 'e.env', 'renamed'].map((name) => readFileSync(`${at}/${name}`, 'utf8'));
  assert.deepEqual(texts, ['new', 'text!', 'A=1\nB=2\n', 'old']);
  assert.deepEqual(JSON.parse(readFileSync(`${at}/j.json`, 'utf8')), { found: 'text' });
});

inBothForms('a transaction of which something fails changes nothing', async (calls, at) => {
  writeFileSync(`${at}/a`, 'old');
  const own = new Error('of the caller');
  const thrown = (): never => {
    throw own;
  };
  const all: readonly (readonly [(tx: holdfast.Transaction) => unknown, object])[] = [
    [thrown, own],
    [(tx) => tx.updateJson('j.json', thrown), { code: 'UPDATER_FAILED' }],
    [(tx) => ignoring(() => tx.replaceFile('../a', 'x')), { code: 'PATH_ESCAPES' }],
    [(tx) => tx.remove('none'), { code: 'NOT_FOUND' }],
    [(tx) => tx.replaceFile('a', 'x'), { code: 'PATH_CONFLICT' }],
    [(tx) => tx.publishDirectory('tree', thrown), { code: 'UPDATER_FAILED' }],
  ];
  for (const [also, error] of all) {
    const failed = calls.transaction(at, (tx) => {
      void tx.replaceFile('a', 'new');
      return also(tx);
    });
    await assert.rejects(failed, error);
    assert.equal(readFileSync(`${at}/a`, 'utf8'), 'old');
    assert.deepEqual(namesBelow(at), ['a']);
  }
});

/** With what each call is named in its refusal. */
inBothForms('a refusal names the call that was made', async (calls, at) => {
  const form = calls === forms['sync'] ? 'Sync' : '';
  const wrong = { tiemoutMs: 1 } as object;
  const made: Readonly<Record<keyof Calls, () => Promise<unknown>>> = {
    replaceFile: () => calls.replaceFile(`${at}/a`, '', wrong),
    updateFile: () => calls.updateFile(`${at}/a`, () => '', wrong),
    readJson: () => calls.readJson(`${at}/a`, wrong),
    updateJson: () => calls.updateJson(`${at}/a`, () => ({}), wrong),
    readEnv: () => calls.readEnv(`${at}/a`, wrong),
    updateEnv: () => calls.updateEnv(`${at}/a`, () => ({}), wrong),
    readToml: () => calls.readToml(`${at}/a`, wrong),
    updateToml: () => calls.updateToml(`${at}/a`, () => ({}), wrong),
    readYaml: () => calls.readYaml(`${at}/a`, wrong),
    updateYaml: () => calls.updateYaml(`${at}/a`, () => ({}), wrong),
    appendRecords: () => calls.appendRecords(`${at}/a.jsonl`, [], wrong),
    withLock: () => calls.withLock(`${at}/a`, () => undefined, wrong),
    acquireLock: () => calls.acquireLock(`${at}/a`, wrong),
    publishDirectory: () => calls.publishDirectory(`${at}/a`, () => undefined, wrong),
    transaction: () => calls.transaction(at, () => undefined, wrong),
  };
  for (const [name, call] of Object.entries(made)) {
    const message = new RegExp(`^${name}${form} has no option 'tiemoutMs'`);
    await assert.rejects(call, { code: 'INVALID_ARGUMENT', step: `${name}${form}`, message });
  }
  assert.deepEqual(readdirSync(at), []);
});
