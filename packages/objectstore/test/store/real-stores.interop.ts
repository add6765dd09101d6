import * as sdk from '@aws-sdk/client-s3';
import { s3Store } from '#src/store/s3-store.js';
import { sdkStore } from '#src/store/sdk-store.js';
import { bucket, credentials, serverNames, startServer } from '../servers.js';
import { conformance, type StoreUnderTest } from './conformance.js';

for (const name of serverNames) {
  const ignores: StoreUnderTest['ignores'] =
    name === 'gofakes3' ? ['complete', 'delete', 'get'] : [];
  conformance(`${name} by HTTP`, async (t) => {
    const { endpoint } = await startServer(t, name);
    return { store: s3Store({ endpoint, credentials, allowHttp: true }), bucket, ignores };
  });
  conformance(`${name} by way of the AWS SDK`, async (t) => {
    const { endpoint } = await startServer(t, name);
    const client = new sdk.S3Client({
      endpoint,
      credentials,
      region: 'us-east-1',
      forcePathStyle: true,
      // gofakes3 tells of a range the checksum of the whole object, which the SDK then misses in
      // it.
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    t.after(() => client.destroy());
    return { store: sdkStore(client, sdk), bucket, ignores };
  });
}
