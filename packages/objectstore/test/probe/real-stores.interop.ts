import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probeStore, s3Store } from '@holdfast/objectstore';
import { bucket, credentials, serverNames, startServer } from '../servers.js';

/** What docs/object-stores.md says of them. */
const known = {
  gofakes3: ['uploads', 'removal'],
  versitygw: [],
} as const;

for (const name of serverNames) {
  test(`${name} is not convicted, and what it does not look at is told`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const store = s3Store({ endpoint, credentials, allowHttp: true });
    const { checks, losesUpdates } = await probeStore(`s3://${bucket}/state.json`, { store });
    const wrong = checks.filter(({ works }) => !works);
    assert.deepEqual(
      wrong.map(({ neededFor }) => neededFor),
      known[name],
      JSON.stringify(wrong),
    );
    assert.equal(losesUpdates, false);
    assert.deepEqual(await store.list(bucket, ''), { outcome: 'found', objects: [] });
  });
}
