/** Thousands of calls at once, in a process that may have few files open. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { startScript, temporaryDirectory } from '@holdfast/tools/testing';

/** Runs a program that may have 256 descriptors. */
const fewDescriptors = ['bash', '-c', 'ulimit -n 256 && exec "$0" "$@"'];

test('3,000 updates and 3,000 appends at once all succeed where 256 files may be open', async (t) => {
  const root = temporaryDirectory(t);
  const script = `
    import { appendRecords, readJson, updateJson } from 'holdfast';
    const [, root] = process.argv;
    const numbers = Array.from({ length: 3000 }, (_, number) => number);
    const options = { initial: {}, durability: 'atomic' };
    const all = await Promise.allSettled(numbers.flatMap((number) => [
      updateJson(root + '/' + (number % 1000) + '.json', async (document) => void (document[number] = 1), options),
      appendRecords(root + '/' + (number % 100) + '.jsonl', [{ number }]),
    ]));
    const [failed] = all.filter(({ status }) => status === 'rejected');
    console.log(failed ? String(failed.reason) : 'all');
    let count = 0;
    for (let number = 0; number < 1000; number += 1)
      count += Object.keys(await readJson(root + '/' + number + '.json')).length;
    console.log(count);`;
  const child = startScript(t, script, [root], fewDescriptors);
  assert.equal(await child.nextLine(), 'all');
  assert.equal(await child.nextLine(), '3000');
  const names = readdirSync(root);
  assert.equal(names.filter((name) => name.endsWith('.tmp')).length, 0);
});

test('3,000 reads and 3,000 replacements at once, and more in updaters, all succeed where 256 files may be open', async (t) => {
  const root = temporaryDirectory(t);
  const script = `
    import { readJson, replaceFile, updateJson } from 'holdfast';
    const [, root] = process.argv;
    const numbers = Array.from({ length: 3000 }, (_, number) => number);
    const pathOf = (number) => root + '/' + (number % 1000) + '.json';
    const options = { initial: {}, durability: 'atomic' };
    await Promise.all(numbers.slice(0, 1000).map((number) => updateJson(pathOf(number), () => ({ number }), options)));
    const all = await Promise.allSettled([
      ...numbers.map((number) => readJson(pathOf(number))),
      ...numbers.map((number) => replaceFile(root + '/' + number + '.txt', 'x', { durability: 'atomic' })),
      ...numbers.slice(0, 200).map((number) =>
        updateJson(pathOf(number), async () => void (await Promise.all([readJson(pathOf(1)), readJson(pathOf(2))])), options)),
    ]);
    const [failed] = all.filter(({ status }) => status === 'rejected');
    console.log(failed ? String(failed.reason) : 'all');`;
  const child = startScript(t, script, [root], fewDescriptors);
  assert.equal(await child.nextLine(), 'all');
});

test('updates whose updaters wait for other updates, more of them than work at a time, all end', async (t) => {
  const root = temporaryDirectory(t);
  const script = `
    import { updateJson } from 'holdfast';
    const [, root] = process.argv;
    const set = (name, updater) => updateJson(root + '/' + name, updater, { initial: {}, durability: 'atomic' });
    let begin;
    const begun = new Promise((resolve) => (begin = resolve));
    const others = begun.then(() => Promise.all(Array.from({ length: 20 }, (_, i) => set('other-' + i, () => ({ i })))));
    let count = 0;
    await Promise.all(Array.from({ length: 20 }, (_, i) => set('outer-' + i, async () => {
      await set('inner-' + i, () => ({ i }));
      if ((count += 1) === 10) begin();
      await others;
      return { i };
    })));
    console.log('all');`;
  const child = startScript(t, script, [root], fewDescriptors);
  assert.equal(await child.nextLine(), 'all');
  const documents = readdirSync(root).filter((name) => !name.endsWith('.lock'));
  assert.equal(documents.length, 60);
});
