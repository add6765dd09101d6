/** What the clients make of every kind of answer, and that none of them asks twice. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { test, type TestContext } from 'node:test';
import * as sdk from '@aws-sdk/client-s3';
import { isHoldfastError } from 'holdfast';
import type { ObjectStore } from '#src/store/object-store.js';
import { s3Store } from '#src/store/s3-store.js';
import { sdkStore } from '#src/store/sdk-store.js';
import { freePort } from '../servers.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const name = { bucket: 'bucket', key: 'key.json' };
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a-secret-of-the-caller' };
const body = Buffer.from('{}');

const clients: Readonly<Record<string, (endpoint: string) => ObjectStore>> = {
  'by HTTP': (endpoint) => s3Store({ endpoint, credentials, allowHttp: true }),
  'by way of the AWS SDK': (endpoint) =>
    sdkStore(
      new sdk.S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true }),
      sdk,
    ),
};

function answer(status: number, code: string, headers: Record<string, string> = {}): Handler {
  const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said so</Message></Error>`;
  return (request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(text);
    });
  };
}

const drop: Handler = (request) => request.resume().on('end', () => request.socket.destroy());
const dropAtOnce: Handler = (request) => request.socket.destroy();
const isUnknown = 'unknown';

/** An answer to a PUT with If-Match, and what is known then. */
const answers: readonly (readonly [what: string, handler: Handler, outcome: string])[] = [
  ['412', answer(412, 'PreconditionFailed'), 'precondition'],
  ['409 of a conflict', answer(409, 'ConditionalRequestConflict'), 'precondition'],
  ['404 of the object', answer(404, 'NoSuchKey'), 'precondition'],
  ['404 of the bucket', answer(404, 'NoSuchBucket'), 'refused'],
  ['403', answer(403, 'AccessDenied'), 'refused'],
  ['403 of the clock', answer(403, 'RequestTimeTooSkewed'), 'refused'],
  ['400', answer(400, 'ExpiredToken'), 'refused'],
  ['501', answer(501, 'NotImplemented'), isUnknown],
  ['500', answer(500, 'InternalError'), isUnknown],
  ['503', answer(503, 'SlowDown'), isUnknown],
  ['429', answer(429, 'TooManyRequests'), isUnknown],
  ['a connection dropped after the request', drop, isUnknown],
  ['a connection dropped before it', dropAtOnce, isUnknown],
  [
    '200 without an ETag',
    (request, response) => request.resume().on('end', () => response.end()),
    isUnknown,
  ],
];

for (const [client, open] of Object.entries(clients)) {
  for (const [what, handler, outcome] of answers) {
    test(`${client}: ${what} is ${outcome}, after one request`, async (t) => {
      const { endpoint, count } = await serve(t, handler);
      const written = await open(endpoint).put(name, body, { condition: { ifMatch: '"1"' } });
      assert.equal(written.outcome, outcome, inspect(written));
      assert.equal(count(), 1);
      assert.doesNotMatch(inspect(written, { depth: 20 }), /a-secret-of-the-caller/);
    });
  }

  test(`${client}: nobody who listens is a refusal that may pass`, async () => {
    const written = await open(`http://127.0.0.1:${await freePort()}/`).put(name, body);
    assert.ok(written.outcome === 'refused', inspect(written));
    assert.equal(written.refusal.isTransient, true);
    assert.equal(written.refusal.status, undefined);
  });

  test(`${client}: an answer that breaks off is unknown, and not a shorter object`, async (t) => {
    const { endpoint, count } = await serve(t, (request, response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': '1000' });
      response.write('half', () => request.socket.destroy());
    });
    const read = await open(endpoint).get(name);
    assert.equal(read.outcome, 'unknown');
    assert.equal(count(), 1);
  });

  test(`${client}: an error in the body of a success is none`, async (t) => {
    const { endpoint } = await serve(t, answer(200, 'InternalError'));
    const parts = [{ partNumber: 1, etag: '"1"' }];
    assert.equal((await open(endpoint).completeUpload(name, 'id', parts)).outcome, 'unknown');
    const other = await serve(t, answer(200, 'PreconditionFailed'));
    const written = await open(other.endpoint).completeUpload(name, 'id', parts);
    assert.equal(written.outcome, 'precondition');
  });

  test(`${client}: a signal ends a request that is not answered, and its outcome is unknown`, async (t) => {
    const controller = new AbortController();
    const { endpoint } = await serve(t, () => controller.abort());
    const written = await open(endpoint).put(name, body, { signal: controller.signal });
    assert.equal(written.outcome, 'unknown');
  });
}

test('a redirect is not followed', async (t) => {
  const { endpoint, count } = await serve(t, answer(307, 'TemporaryRedirect', { location: '/' }));
  const written = await s3Store({ endpoint, credentials, allowHttp: true }).put(name, body);
  assert.equal(written.outcome, 'refused');
  assert.equal(count(), 1);
});

test('a request that is not answered in time is given up, and its outcome is unknown', async (t) => {
  const { endpoint } = await serve(t, () => undefined);
  const options = { endpoint, credentials, allowHttp: true, requestTimeoutMs: 50 };
  assert.equal((await s3Store(options).put(name, body)).outcome, 'unknown');
});

test('an object that is stored compressed is refused: what fetch gives of it is not what the ETag stands for', async (t) => {
  const { endpoint } = await serve(t, (_, response) => {
    response.writeHead(200, { etag: '"1"', 'content-encoding': 'br' }).end();
  });
  const read = await s3Store({ endpoint, credentials, allowHttp: true }).get(name);
  assert.ok(read.outcome === 'refused' || read.outcome === 'unknown');
});

test('credentials are asked for at each request, and none are in an inspected store', async (t) => {
  const { endpoint } = await serve(t, answer(403, 'AccessDenied'));
  let asked = 0;
  const store = s3Store({
    endpoint,
    allowHttp: true,
    credentials: async () => {
      asked += 1;
      return credentials;
    },
  });
  await store.put(name, body);
  await store.get(name);
  assert.equal(asked, 2);
  assert.doesNotMatch(inspect(store, { depth: 20, showHidden: true }), /a-secret/);
});

test('credentials that cannot be had are a refusal', async () => {
  const store = s3Store({
    endpoint: 'https://store.invalid',
    credentials: () => {
      throw Object.assign(new Error('the session has ended'), { code: 'Ended' });
    },
  });
  const written = await store.put(name, body);
  assert.ok(written.outcome === 'refused');
  assert.equal(written.refusal.code, 'Ended');
});

test('plain http is taken only when it is asked for, and no endpoint holds credentials', () => {
  const refused = (options: object): void =>
    assert.throws(
      () => s3Store({ credentials, ...options }),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && !error.message.includes('hidden'),
    );
  refused({ endpoint: 'http://127.0.0.1:9000' });
  refused({ endpoint: 'https://user:hidden@store.example' });
  refused({ endpoint: 'store.example' });
  refused({ endpont: 'https://store.example' });
});

async function serve(
  t: TestContext,
  handler: Handler,
): Promise<{ endpoint: string; count: () => number }> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { readonly port: number };
  return { endpoint: `http://127.0.0.1:${port}/`, count: () => requests };
}
