/** TOML, YAML and variables in a store: what stays, and how a commit is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  readEnv,
  readToml,
  readYaml,
  updateEnv,
  updateToml,
  updateYaml,
} from '@holdfast/objectstore';
import { isHoldfastError } from 'holdfast';
import { parseEnv } from 'node:util';
import { parseTOML } from 'toml-eslint-parser';
import { parse as parseYaml } from 'yaml';
import { ModelStore } from '#src/store/model-store.js';
import { etagOf } from '../store/conformance.js';

interface Format {
  readonly text: string;
  readonly type: string;
  readonly read: (url: string, options: object) => Promise<unknown>;
  readonly update: (
    url: string,
    updater: (value: Record<string, unknown>) => void,
    options: object,
  ) => Promise<unknown>;
  /** A reader that knows nothing of Holdfast. */
  readonly parse: (text: string) => unknown;
}

const formats: Readonly<Record<string, Format>> = {
  toml: {
    text: '# by hand\na = 1 # one\nb = "x"\n',
    type: 'application/toml',
    read: readToml,
    update: updateToml,
    parse: (text) => parseTOML(text),
  },
  yaml: {
    text: '# by hand\na: 1 # one\nb: x\n',
    type: 'application/yaml',
    read: readYaml,
    update: updateYaml,
    parse: (text) => parseYaml(text),
  },
  env: {
    text: '# by hand\na=1 # one\nb=x\n',
    type: 'text/plain; charset=utf-8',
    read: readEnv,
    update: updateEnv,
    parse: (text) => parseEnv(text),
  },
};

for (const [extension, { text, type, read, update, parse }] of Object.entries(formats)) {
  const url = `s3://bucket/doc.${extension}`;
  const name = { bucket: 'bucket', key: `doc.${extension}` };
  const setB = (value: string) => (document: Record<string, unknown>) =>
    void (document['b'] = value);

  test(`${extension}: what an update does not change stays to the byte, and a comment tells commits apart`, async () => {
    const store = new ModelStore();
    etagOf(await store.put(name, Buffer.from(text)));
    const seen = new Set<string>();
    for (const value of ['u', 'v', 'u']) {
      await update(url, setB(value), { store });
      const now = Buffer.from(store.bodyOf(name) ?? '').toString();
      assert.equal(now.replace(/# holdfast [\w-]{12}\n$/, ''), text.replace('x', value));
      assert.doesNotThrow(() => parse(now));
      seen.add(now);
    }
    assert.equal(seen.size, 3, 'the content that came back has other bytes');
    assert.deepEqual(await read(url, { store }), { a: extension === 'env' ? '1' : 1, b: 'u' });
  });

  test(`${extension}: one that is made has its type, and a change whose answer was lost is made once`, async () => {
    const store = new ModelStore();
    let puts = 0;
    store.onRequest = (request) => {
      if (request.method !== 'put' || (puts += 1) > 1) return;
      request.arrive();
      request.lose();
    };
    await update(url, setB('x'), { store });
    assert.equal(puts, 1);
    const found = await store.head(name);
    assert.ok(found.outcome === 'found');
    assert.equal(found.headers.contentType, type);
    await assert.rejects(read('s3://bucket/none', { store }), (error) =>
      isHoldfastError(error, 'NOT_FOUND'),
    );
    await assert.rejects(update(url, setB('x'), { store, indent: 2 }), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  });
}
