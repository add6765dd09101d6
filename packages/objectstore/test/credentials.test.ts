/**
 * Credentials are in no error, no inspected object and no line of output, whatever a store answers:
 * the answers here tell all that they were sent, as SignatureDoesNotMatch of Amazon S3 tells the
 * signed headers.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import * as sdk from '@aws-sdk/client-s3';
import {
  openDirectory,
  probeStore,
  publishDirectory,
  readEnv,
  readJson,
  readToml,
  readYaml,
  s3Store,
  sdkStore,
  sweepDirectory,
  updateEnv,
  updateFile,
  updateJson,
  updateToml,
  updateYaml,
  verifyDirectory,
  type ObjectStore,
} from '@holdfast/objectstore';

const credentials = {
  accessKeyId: 'AKIAEXAMPLE',
  secretAccessKey: 'the-secret-key',
  sessionToken: 'the-session-token',
};
const secrets = [credentials.secretAccessKey, credentials.sessionToken, 'Signature='];

const url = 's3://bucket/key';
const name = { bucket: 'bucket', key: 'key' };
const upload = { uploadId: 'upload', partNumber: 1 };
const body = Buffer.from('body');

/** Every call that asks a store for something. */
const calls: readonly ((store: ObjectStore) => Promise<unknown>)[] = [
  (store) => readJson(url, { store, timeoutMs: 0 }),
  (store) => readToml(url, { store, timeoutMs: 0 }),
  (store) => readYaml(url, { store, timeoutMs: 0 }),
  (store) => readEnv(url, { store, timeoutMs: 0 }),
  (store) => updateJson(url, () => ({ a: 1 }), { store, timeoutMs: 0 }),
  (store) => updateToml(url, () => ({ a: 1 }), { store, timeoutMs: 0 }),
  (store) => updateYaml(url, () => ({ a: 1 }), { store, timeoutMs: 0 }),
  (store) => updateEnv(url, () => ({ a: '1' }), { store, timeoutMs: 0 }),
  (store) => updateFile(url, () => 'a', { store, timeoutMs: 0 }),
  (store) => publishDirectory(url, (stage) => stage.write('a', 'a'), { store, timeoutMs: 0 }),
  (store) => openDirectory(url, { store, timeoutMs: 0 }),
  (store) => verifyDirectory(url, { store, timeoutMs: 0 }),
  (store) => sweepDirectory(url, { store, timeoutMs: 0 }),
  (store) => probeStore(url, { store }),
  (store) => store.get(name),
  (store) => store.head(name),
  (store) => store.put(name, body, { condition: { ifNoneMatch: '*' } }),
  (store) => store.delete(name),
  (store) => store.list('bucket', ''),
  (store) => store.createUpload(name),
  (store) => store.putPart(name, upload, body),
  (store) => store.completeUpload(name, 'upload', [{ partNumber: 1, etag: '"etag"' }]),
  (store) => store.abortUpload(name, 'upload'),
];

/** What a store answers. */
const answers: Readonly<Record<string, (sent: string, outgoing: ServerResponse) => unknown>> = {
  'a refusal': (sent, outgoing) =>
    outgoing
      .writeHead(403, { 'content-type': 'application/xml' })
      .end(
        `<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message><CanonicalRequest>${sent}</CanonicalRequest></Error>`,
      ),
  'a failure': (sent, outgoing) =>
    outgoing.writeHead(500).end(`<Error><Code>InternalError</Code><Sent>${sent}</Sent></Error>`),
  'no XML': (sent, outgoing) => outgoing.writeHead(400).end(sent),
  'half an answer': (sent, outgoing) => {
    outgoing.writeHead(200, { 'content-length': '5000' });
    outgoing.write(sent, () => outgoing.destroy());
  },
  nothing: (_, outgoing) => outgoing.destroy(),
};

for (const [what, answer] of Object.entries(answers)) {
  test(`no call that gets ${what} tells its credentials`, async (t) => {
    const endpoint = await serverThat(t, answer);
    const said: string[] = [];
    const hear = (...texts: readonly unknown[]): boolean => said.push(inspect(texts)) > 0;
    t.mock.method(process.stderr, 'write', hear);
    for (const method of ['log', 'info', 'debug'] as const) t.mock.method(console, method, hear);
    const seen: string[] = [];
    for (const store of storesAt(t, endpoint)) {
      seen.push(everythingIn(store));
      for (const call of calls) seen.push(everythingIn(await call(store).catch((error) => error)));
    }
    t.mock.restoreAll();
    const told = secrets.filter((secret) =>
      [...seen, ...said].some((text) => text.includes(secret)),
    );
    assert.deepEqual(told, []);
    assert.equal(seen.length, 2 * (calls.length + 1));
  });
}

function storesAt(t: TestContext, endpoint: string): readonly ObjectStore[] {
  const client = new sdk.S3Client({
    endpoint,
    credentials,
    region: 'us-east-1',
    forcePathStyle: true,
  });
  t.after(() => client.destroy());
  return [s3Store({ endpoint, credentials, allowHttp: true }), sdkStore(client, sdk, { endpoint })];
}

/** All that a log, a debugger or a test runner would show of a value. */
function everythingIn(value: unknown): string {
  const shown = inspect(value, { depth: Infinity, showHidden: true, getters: true });
  const stack = value instanceof Error ? `${value.message}\n${value.stack}` : '';
  return `${shown}\n${stack}\n${JSON.stringify(value)}`;
}

async function serverThat(
  t: TestContext,
  answer: (sent: string, outgoing: ServerResponse) => unknown,
): Promise<string> {
  const server = createServer((incoming: IncomingMessage, outgoing) => {
    incoming.resume();
    incoming.on('end', () => answer(JSON.stringify(incoming.headers), outgoing));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { readonly port: number }).port}/`;
}
