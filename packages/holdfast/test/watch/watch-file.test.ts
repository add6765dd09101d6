import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, replaceFile, updateJson, watchFile, watchJson } from 'holdfast';
import { Watch } from '#src/watch/watch-file.js';

/** Kept alive by the watch, which is to hear of changes from the kernel and not to poll. */
const waiting = { persistent: true, pollMs: 1e9 } as const;

/** Waits for a content to be told, and gives all that was told until then. */
async function toldUntil(
  watch: AsyncGenerator<Buffer | undefined, void>,
  wanted: string | undefined,
): Promise<readonly (string | undefined)[]> {
  const told: (string | undefined)[] = [];
  for (;;) {
    const { value, done } = await watch.next();
    assert.ok(!done);
    told.push(value?.toString());
    if (told.at(-1) === wanted) return told;
  }
}

/** Makes a change while the watch waits for one: another watch has looked meanwhile. */
async function toldAfter(
  watch: AsyncGenerator<Buffer | undefined, void>,
  path: string,
  change: () => unknown,
  wanted: string | undefined,
): Promise<void> {
  const told = toldUntil(watch, wanted);
  const other = watchFile(path, waiting);
  await other.next();
  await other.return();
  await change();
  await told;
}

function renameOver(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function writeTwice(path: string, text: string): void {
  const file = openSync(path, 'w');
  writeSync(file, text.slice(0, 3));
  writeSync(file, text.slice(3));
  closeSync(file);
}

/** As Kubernetes replaces the files of a volume: `..data` leads to another directory. */
function swapData(root: string, text: string): void {
  const name = `..${text}`;
  mkdirSync(`${root}/${name}`);
  writeFileSync(`${root}/${name}/file`, text);
  symlinkSync(name, `${root}/..data_tmp`);
  renameSync(`${root}/..data_tmp`, `${root}/..data`);
}

const writers: Readonly<Record<string, (path: string, text: string) => unknown>> = {
  replaceFile: (path, text) => replaceFile(path, text),
  'a rename': renameOver,
  'a write in place': writeTwice,
  'removing and making it': (path, text) => {
    rmSync(path, { force: true });
    writeTwice(path, text);
  },
};

for (const [name, write] of Object.entries(writers)) {
  test(`the content is told now and after ${name}`, async (t) => {
    const path = `${temporaryDirectory(t)}/file`;
    const watch = watchFile(path, waiting);
    await toldUntil(watch, undefined);
    for (let count = 0; count < 5; count += 1) {
      await toldAfter(watch, path, () => write(path, `state ${count}`), `state ${count}`);
    }
    rmSync(path);
    await toldUntil(watch, undefined);
    await watch.return();
  });
}

test('a file is followed through symlinks, and into another directory in the place of its own', async (t) => {
  const root = temporaryDirectory(t);
  swapData(root, 'one');
  symlinkSync('..data/file', `${root}/file`);
  const watch = watchFile(`${root}/file`, waiting);
  await toldUntil(watch, 'one');
  for (const text of ['two', 'three']) {
    await toldAfter(watch, `${root}/file`, () => swapData(root, text), text);
  }
  renameSync(root, `${root}.old`);
  mkdirSync(root);
  t.after(() => rmSync(`${root}.old`, { recursive: true }));
  await toldUntil(watch, undefined);
  mkdirSync(`${root}/other`);
  writeFileSync(`${root}/other/target`, 'four');
  symlinkSync('other/target', `${root}/file`);
  await toldUntil(watch, 'four');
  renameOver(`${root}/other/target`, 'five');
  await toldUntil(watch, 'five');
  const own = `${root}/file`;
  await toldAfter(watch, own, () => renameOver(own, 'six'), 'six');
  await watch.return();
});

test('of 10,000 changes no last state is lost, none is torn, and none is told twice', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  const states = new Set<string | undefined>([undefined]);
  const watch = watchFile(path, waiting);
  await toldUntil(watch, undefined);
  let last: string | undefined;
  let before: string | undefined;
  for (let round = 0; round < 100; round += 1) {
    for (let count = 0; count < 100; count += 1) {
      const text = `${round}.${count} `.repeat(2000);
      states.add(text);
      renameOver(path, text);
      last = text;
    }
    const told = await toldUntil(watch, last);
    for (const each of told) {
      assert.ok(states.has(each));
      assert.notEqual(each, before);
      before = each;
    }
  }
  await watch.return();
});

test('the same content is not told twice', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, 'one');
  const watch = watchFile(path, waiting);
  await toldUntil(watch, 'one');
  let isTold = false;
  const next = watch.next().finally(() => (isTold = true));
  renameOver(path, 'one');
  const other = watchFile(path, waiting);
  await toldUntil(other, 'one');
  assert.equal(isTold, false);
  writeFileSync(path, 'two');
  assert.equal(String((await next).value), 'two');
  await other.return();
  await watch.return();
});

test('what is half written is looked at again, and not told', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const file = openSync(path, 'w');
  writeSync(file, '{"a": ');
  let sawHalf = false;
  const watch = new Watch(path, waiting, (content) => {
    const text = String(content);
    if (text === '{"a": ') {
      sawHalf = true;
      writeSync(file, '1}');
    }
    return JSON.parse(text) as unknown;
  });
  assert.deepEqual(await watch.next(), { done: false, value: { a: 1 } });
  assert.ok(sawHalf);
  closeSync(file);
  await watch.return();
});

test('watchJson tells values, and what stays broken is an error that ends it', async (t) => {
  const path = `${temporaryDirectory(t)}/a.json`;
  const told: unknown[] = [];
  await assert.rejects(
    async () => {
      for await (const value of watchJson(path, waiting)) {
        told.push(value);
        if (value === undefined) await updateJson(path, (document) => void (document['a'] = 1));
        else writeFileSync(path, '{"a": ');
      }
    },
    (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'),
  );
  assert.deepEqual(told, [undefined, { a: 1 }]);
});

const watches = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length;

test('leaving the loop, return and the signal free everything, also while a change is waited for', async (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, 'one');
  const before = watches();
  for await (const content of watchFile(path, waiting)) {
    assert.equal(String(content), 'one');
    break;
  }
  const watch = watchFile(path, waiting);
  await watch.next();
  const next = watch.next();
  await watch.return();
  assert.deepEqual(await next, { done: true, value: undefined });
  const controller = new AbortController();
  const signalled = watchFile(path, { signal: controller.signal, ...waiting });
  await signalled.next();
  const ended = assert.rejects(signalled.next(), (error) => isHoldfastError(error, 'ABORTED'));
  controller.abort();
  await ended;
  assert.equal(watches(), before);
});

for (const persistent of [false, true]) {
  test(`a watch ${persistent ? 'keeps a process alive when asked' : 'keeps no process alive'}`, async (t) => {
    const path = `${temporaryDirectory(t)}/file`;
    writeFileSync(path, 'one');
    const script = `import { watchFile } from 'holdfast';
      const follow = async () => {
        for await (const content of watchFile(${JSON.stringify(path)}, { persistent: ${persistent} }))
          console.log(String(content));
      };
      void follow();`;
    const args = ['--input-type=module', '--eval', script];
    const child = spawn(process.execPath, args, {
      // From where the package is found, with what it needs on this platform.
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    for (const text of persistent ? ['one', 'two', 'three'] : ['one']) {
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      assert.equal(String(said), `${text}\n`);
      if (text === 'one' && persistent) writeFileSync(path, 'two');
      if (text === 'two') writeFileSync(path, 'three');
    }
    if (persistent) child.kill('SIGTERM');
    assert.deepEqual(await exit, persistent ? [null, 'SIGTERM'] : [0, null]);
  });
}

test(
  'where the kernel tells of nothing the content is polled',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const { title } = process;
    t.after(() => void (process.title = title));
    const watch = watchFile('/proc/self/comm', { persistent: true, pollMs: 2 });
    await watch.next();
    for (const name of ['watched', 'again']) {
      process.title = name;
      await toldUntil(watch, `${name}\n`);
    }
    await watch.return();
  },
);

test('wrong options and what is no file are refused', async (t) => {
  const root = temporaryDirectory(t);
  const first = (options: object): Promise<unknown> => watchFile(`${root}/file`, options).next();
  await assert.rejects(first({ pollMs: 0 }), (error) => isHoldfastError(error, 'INVALID_ARGUMENT'));
  await assert.rejects(first({ poll: 1 }), (error) => isHoldfastError(error, 'INVALID_ARGUMENT'));
  await assert.rejects(watchFile(root).next(), (error) =>
    isHoldfastError(error, 'UNSUPPORTED_TARGET'),
  );
});
