import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { type } from 'arktype';
import { isHoldfastError, readJson, updateJson, type StandardSchema } from 'holdfast';
import * as v from 'valibot';
import { z } from 'zod';

interface State {
  count: number;
}

/** A schema without a library, that takes its time to answer. */
const slowSchema: StandardSchema<State> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) => {
      await new Promise((resolve) => setImmediate(resolve));
      const { count } = value as State;
      if (typeof count === 'number') return { value: { count } };
      return { issues: [{ message: 'not a number', path: ['count', { key: 0 }] }] };
    },
  },
};

const zodSchema = z.object({ count: z.number(), label: z.string().default('none') });
const valibotSchema = v.object({ count: v.number(), label: v.optional(v.string(), 'none') });
const arktypeSchema = type({ count: 'number', label: "string = 'none'" });

function mismatch(says: string): (error: unknown) => boolean {
  return (error) =>
    isHoldfastError(error, 'SCHEMA_MISMATCH') &&
    error.outcome === 'unchanged' &&
    error.message.includes(says);
}

test('an asynchronous schema of no library is asked before and after the update', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const options = { schema: slowSchema, initial: { count: 0 } };
  const bad = 'text' as unknown as number;
  await updateJson(path, (state) => void (state.count += 1), options);
  await assert.rejects(
    updateJson(path, () => ({ count: bad }), options),
    mismatch("The new value does not satisfy the schema: not a number (at '/count/0')"),
  );
  assert.deepEqual(await readJson(path, { schema: slowSchema }), { count: 1 });
  writeFileSync(path, '{"count":"text"}');
  await assert.rejects(
    updateJson(path, (state) => state, options),
    mismatch('The document'),
  );
  await assert.rejects(readJson(path, { schema: slowSchema }), mismatch('The document'));
  assert.equal(readFileSync(path, 'utf8'), '{"count":"text"}');
});

for (const [library, schema] of [
  ['zod', zodSchema],
  ['valibot', valibotSchema],
  ['arktype', arktypeSchema],
] as const) {
  test(`${library}: a reader gets the schema's defaults, a writer loses no member that the schema does not know`, async (t) => {
    const path = `${temporaryDirectory(t)}/doc.json`;
    writeFileSync(path, '{"count":1,"newer":true}');
    const options = { schema: schema as StandardSchema<State> };
    await updateJson(path, (state) => void (state.count += 1), options);
    assert.equal(readFileSync(path, 'utf8'), '{"count":2,"newer":true}');
    const { count, label } = await readJson<v.InferOutput<typeof valibotSchema>>(path, { schema });
    assert.deepEqual({ count, label }, { count: 2, label: 'none' });
    const bad = 'text' as unknown as number;
    await assert.rejects(
      updateJson(path, () => ({ count: bad }), options),
      mismatch("(at '/count')"),
    );
  });
}

test('the types of a schema reach the updater', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  await updateJson(path, (state) => ({ count: state.count + 1 }), {
    schema: zodSchema,
    initial: { count: 1 },
  });
  const read = await readJson(path, { schema: zodSchema });
  assert.equal(read.label.length + read.count, 6);
});

test('a schema that judges one call does not judge its neighbours', async (t) => {
  const path = `${temporaryDirectory(t)}/doc.json`;
  const [judged, free] = await Promise.allSettled([
    updateJson(path, () => ({ count: 'x' as unknown as number }), { schema: zodSchema }),
    updateJson(path, (doc) => void (doc['n'] = 1)),
  ]);
  assert.equal(judged.status, 'rejected');
  assert.equal(free.status, 'fulfilled');
});
