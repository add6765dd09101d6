/** What every ObjectStore must do, whatever is behind it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import type { ObjectStore, Written } from '#src/store/object-store.js';

export interface StoreUnderTest {
  readonly store: ObjectStore;
  readonly bucket: string;
  /** What the store does not look at, though S3 does. */
  readonly ignores?: readonly ('complete' | 'delete' | 'get')[];
}

const MIB = 1024 * 1024;
const RACERS = 16;

/** Keys that clients and stores get wrong: each part is a name as it is. */
const oddKeys = [
  'plain.json',
  'a folder/with spaces.json',
  'plus+and&amp;.json',
  'percent%2Fencoded%.json',
  'ümlaut/日本/🙂.json',
  'quotes\'"(1)!*.json',
  'a=b?c=d#e;f,g@h:i$j.json',
];

export function conformance(
  title: string,
  open: (t: TestContext) => Promise<StoreUnderTest>,
): void {
  const check = (
    what: string,
    run: (under: StoreUnderTest & { readonly key: string }) => Promise<void>,
  ): void => {
    test(`${title}: ${what}`, async (t) => {
      await run({ ...(await open(t)), key: `test/${randomBytes(6).toString('hex')}` });
    });
  };

  check(
    'what is put is what is got, with its metadata and headers',
    async ({ store, bucket, key }) => {
      const name = { bucket, key };
      const body = randomBytes(100_000);
      const headers = { contentType: 'application/json', cacheControl: 'no-cache' };
      const written = await store.put(name, body, { metadata: { holdfast: 'a,b' }, headers });
      const etag = etagOf(written);
      const found = await store.get(name);
      assert.ok(found.outcome === 'found', JSON.stringify(found));
      assert.deepEqual(Buffer.from(found.body), body);
      assert.equal(found.etag, etag);
      assert.equal(found.sizeBytes, body.length);
      assert.equal(found.metadata['holdfast'], 'a,b');
      assert.equal(found.headers.contentType, 'application/json');
      const head = await store.head(name);
      assert.ok(head.outcome === 'found');
      assert.equal(head.etag, etag);
      assert.equal(head.sizeBytes, body.length);
      const part = await store.get(name, { range: { offsetBytes: 10, sizeBytes: 20 } });
      assert.ok(part.outcome === 'found', JSON.stringify(part));
      assert.deepEqual(Buffer.from(part.body), body.subarray(10, 30));
      assert.equal(part.sizeBytes, body.length);
    },
  );

  check('every key is taken as it is', async ({ store, bucket, key }) => {
    for (const odd of oddKeys) {
      const name = { bucket, key: `${key}/${odd}` };
      etagOf(await store.put(name, Buffer.from(odd)));
      const found = await store.get(name);
      assert.ok(found.outcome === 'found', odd);
      assert.equal(Buffer.from(found.body).toString(), odd);
    }
    const listed = await store.list(bucket, `${key}/`);
    assert.ok(listed.outcome === 'found');
    const keys = listed.objects.map((each) => each.key.slice(key.length + 1));
    assert.deepEqual(keys.toSorted(), oddKeys.toSorted());
  });

  check('an empty object is one', async ({ store, bucket, key }) => {
    etagOf(await store.put({ bucket, key }, Buffer.alloc(0)));
    const found = await store.get({ bucket, key });
    assert.ok(found.outcome === 'found');
    assert.equal(found.body.length, 0);
  });

  check('what is not there is missing', async ({ store, bucket, key }) => {
    const name = { bucket, key };
    assert.deepEqual(await store.get(name), { outcome: 'missing' });
    assert.deepEqual(await store.head(name), { outcome: 'missing' });
    assert.equal((await store.delete(name)).outcome, 'committed');
    assert.deepEqual(await store.list(bucket, key), { outcome: 'found', objects: [] });
  });

  check(
    'a condition that does not hold leaves the object as it is',
    async ({ store, bucket, key }) => {
      const name = { bucket, key };
      const first = etagOf(
        await store.put(name, Buffer.from('1'), { condition: { ifNoneMatch: '*' } }),
      );
      const refused = { outcome: 'precondition' };
      assert.deepEqual(
        await store.put(name, Buffer.from('2'), { condition: { ifNoneMatch: '*' } }),
        refused,
      );
      const second = etagOf(
        await store.put(name, Buffer.from('3'), { condition: { ifMatch: first } }),
      );
      assert.deepEqual(
        await store.put(name, Buffer.from('4'), { condition: { ifMatch: first } }),
        refused,
      );
      const found = await store.get(name);
      assert.ok(found.outcome === 'found');
      assert.equal(Buffer.from(found.body).toString(), '3');
      assert.equal(found.etag, second);
      const gone = { bucket, key: `${key}-none` };
      assert.deepEqual(
        await store.put(gone, Buffer.from('5'), { condition: { ifMatch: first } }),
        refused,
      );
      assert.deepEqual(await store.get(gone), { outcome: 'missing' });
    },
  );

  check('of several that create or swap at once one wins', async ({ store, bucket, key }) => {
    const name = { bucket, key };
    let etag: string | undefined;
    for (let round = 0; round < 4; round += 1) {
      const condition = etag === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: etag };
      const race = Array.from({ length: RACERS }, (_, racer) =>
        store.put(name, Buffer.from(`${round} ${racer}`), { condition }),
      );
      const written = await Promise.all(race);
      const winners = written.filter(({ outcome }) => outcome === 'committed');
      assert.equal(winners.length, 1, JSON.stringify(written));
      etag = etagOf(winners[0] as Written);
    }
  });

  check(
    'an object in parts is there whole, or not at all',
    async ({ store, bucket, key, ignores }) => {
      const name = { bucket, key };
      const begun = await store.createUpload(name, { headers: { contentType: 'image/tiff' } });
      assert.ok(begun.outcome === 'committed');
      const { uploadId } = begun;
      const bodies = [randomBytes(5 * MIB), randomBytes(1000)];
      const parts = [];
      for (const [index, body] of bodies.entries()) {
        const partNumber = index + 1;
        parts.push({
          partNumber,
          etag: etagOf(await store.putPart(name, { uploadId, partNumber }, body)),
        });
      }
      assert.deepEqual(await store.get(name), { outcome: 'missing' });
      const condition = { ifNoneMatch: '*' } as const;
      etagOf(await store.completeUpload(name, uploadId, parts, { condition }));
      const found = await store.get(name);
      assert.ok(found.outcome === 'found');
      assert.deepEqual(Buffer.from(found.body), Buffer.concat(bodies));
      if (ignores?.includes('complete')) return;
      const again = await store.createUpload(name);
      assert.ok(again.outcome === 'committed');
      const part = etagOf(
        await store.putPart(name, { uploadId: again.uploadId, partNumber: 1 }, randomBytes(10)),
      );
      const late = await store.completeUpload(
        name,
        again.uploadId,
        [{ partNumber: 1, etag: part }],
        { condition },
      );
      assert.deepEqual(late, { outcome: 'precondition' });
      assert.equal((await store.abortUpload(name, again.uploadId)).outcome, 'committed');
    },
  );

  check('a list that is long is cut in parts', async ({ store, bucket, key }) => {
    const count = 1100;
    const keys = Array.from(
      { length: count },
      (_, index) => `${key}/${String(index).padStart(5, '0')}`,
    );
    for (let begin = 0; begin < count; begin += 50) {
      const some = keys.slice(begin, begin + 50);
      const written = await Promise.all(
        some.map((each) => store.put({ bucket, key: each }, Buffer.from('x'))),
      );
      written.forEach(etagOf);
    }
    const found: string[] = [];
    for (
      let after: string | undefined, isFirst = true;
      isFirst || after !== undefined;
      isFirst = false
    ) {
      const listed = await store.list(bucket, `${key}/`, { after });
      assert.ok(listed.outcome === 'found', JSON.stringify(listed));
      found.push(...listed.objects.map((each) => each.key));
      after = listed.next;
    }
    assert.deepEqual(found, keys);
  });

  check('an object that is removed is missing', async ({ store, bucket, key, ignores }) => {
    const name = { bucket, key };
    const etag = etagOf(await store.put(name, Buffer.from('1')));
    if (!ignores?.includes('delete')) {
      const other = '"00000000000000000000000000000000"';
      assert.deepEqual(await store.delete(name, { ifMatch: other }), { outcome: 'precondition' });
    }
    assert.equal((await store.delete(name, { ifMatch: etag })).outcome, 'committed');
    assert.deepEqual(await store.get(name), { outcome: 'missing' });
  });

  check(
    'a request that was ended before it was sent is refused or unknown, and has done nothing',
    async ({ store, bucket, key }) => {
      const written = await store.put({ bucket, key }, Buffer.from('1'), {
        signal: AbortSignal.abort(),
      });
      assert.ok(['refused', 'unknown'].includes(written.outcome));
      assert.deepEqual(await store.get({ bucket, key }), { outcome: 'missing' });
    },
  );
}

export function etagOf(written: Written): string {
  assert.equal(written.outcome, 'committed', JSON.stringify(written));
  return (written as { readonly etag: string }).etag;
}
