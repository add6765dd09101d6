/** One object of any length is replaced whole or not at all, whatever becomes of its requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import { replaceObject } from '#src/directory/replace-object.js';
import { ModelStore } from '#src/store/model-store.js';
import type { ObjectStore, Written } from '#src/store/object-store.js';

const url = 's3://bucket/a folder/x.bin';
const name = { bucket: 'bucket', key: 'a folder/x.bin' };
const MIB = 2 ** 20;

function bytesOf(label: number, length = 10): Buffer {
  return Buffer.alloc(length, label);
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 3 * MIB) yield bytes.subarray(at, at + 3 * MIB);
}

async function failsWith(code: ErrorCode, outcome: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isHoldfastError(error, code), String(error));
    assert.equal(error.outcome, outcome);
    return true;
  });
}

/** A store of which some methods are others; trusted, since what they do is no store's doing. */
function storeWith(store: ObjectStore, methods: Partial<ObjectStore>): ObjectStore {
  const changed: Partial<ObjectStore> = { ...methods, isTrusted: true };
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(key in changed ? changed : target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const lengths = { 'in one request': 10, 'of exactly a part': 8 * MIB, 'in parts': 20 * MIB };

for (const [how, length] of Object.entries(lengths)) {
  test(`${how}: it is made, refused and replaced`, async () => {
    const store = new ModelStore();
    const first = await replaceObject(url, piecesOf(bytesOf(1, length)), { store });
    assert.equal(first.sizeBytes, length);
    assert.ok(bytesOf(1, length).equals(store.bodyOf(name) ?? new Uint8Array()));
    let isAsked = false;
    const asked = async function* (): AsyncGenerator<Uint8Array> {
      isAsked = true;
      yield bytesOf(2);
    };
    await failsWith(
      'ALREADY_EXISTS',
      'unchanged',
      replaceObject(url, asked(), { store, ifExists: 'fail' }),
    );
    assert.equal(isAsked, false);
    await replaceObject(url, piecesOf(bytesOf(2, length)), { store, contentType: 'image/tiff' });
    assert.ok(bytesOf(2, length).equals(store.bodyOf(name) ?? new Uint8Array()));
    const found = await store.head(name);
    assert.equal(found.outcome === 'found' && found.headers.contentType, 'image/tiff');
  });

  /** The request that writes the object: its commit. */
  const commit = length > 8 * MIB ? 'completeUpload' : 'put';
  const at = (store: ModelStore, doing: (send: () => Promise<Written>) => Promise<Written>) =>
    storeWith(store, {
      put: (...of) => (commit === 'put' ? doing(() => store.put(...of)) : store.put(...of)),
      completeUpload: (...of) => doing(() => store.completeUpload(...of)),
    });
  const lost = { outcome: 'unknown', cause: new Error('lost') } as const;

  test(`${how}: an answer that is lost is found out by looking, and what was lost is sent again`, async () => {
    for (const isDone of [true, false])
      for (const ifExists of ['fail', 'replace'] as const) {
        const store = new ModelStore();
        if (ifExists === 'replace') await store.put(name, bytesOf(1));
        let sent = 0;
        const faulty = at(store, async (send) => {
          sent += 1;
          if (sent > 1) return send();
          if (isDone) await send();
          return lost;
        });
        await replaceObject(url, piecesOf(bytesOf(2, length)), { store: faulty, ifExists });
        assert.ok(bytesOf(2, length).equals(store.bodyOf(name) ?? new Uint8Array()));
        assert.equal(sent, isDone ? 1 : 2);
      }
  });

  test(`${how}: another writer who was first is not overwritten`, async () => {
    for (const [ifExists, code] of [
      ['fail', 'ALREADY_EXISTS'],
      ['replace', 'TARGET_CHANGED'],
    ] as const) {
      const store = new ModelStore();
      if (ifExists === 'replace') await store.put(name, bytesOf(1));
      const faulty = at(store, async (send) => {
        await store.put(name, bytesOf(9));
        return send();
      });
      const data = piecesOf(bytesOf(2, length));
      await failsWith(code, 'unchanged', replaceObject(url, data, { store: faulty, ifExists }));
      assert.ok(bytesOf(9).equals(store.bodyOf(name) ?? new Uint8Array()));
    }
  });

  test(`${how}: when another writes after a lost answer, the outcome is told to be unknown`, async () => {
    const store = new ModelStore();
    const faulty = at(store, async (send) => {
      await send();
      await store.put(name, bytesOf(9));
      return lost;
    });
    const data = piecesOf(bytesOf(2, length));
    await failsWith('STORE_FAILED', 'unknown', replaceObject(url, data, { store: faulty }));
  });

  test(`${how}: a request that arrives late changes nothing that was written since`, async () => {
    const store = new ModelStore();
    await store.put(name, bytesOf(1));
    let late: (() => Promise<Written>) | undefined;
    const faulty = at(store, async (send) => {
      if (late) return send();
      late = send;
      return lost;
    });
    await replaceObject(url, piecesOf(bytesOf(2, length)), { store: faulty });
    await replaceObject(url, bytesOf(3), { store });
    await late?.();
    assert.ok(bytesOf(3).equals(store.bodyOf(name) ?? new Uint8Array()));
  });
}

test('data that fails, and a caller who ends the call, leave what was there and no parts', async () => {
  const model = new ModelStore();
  await model.put(name, bytesOf(1));
  const aborted: string[] = [];
  const store = storeWith(model, {
    abortUpload: async (object, id) => {
      aborted.push(id);
      return model.abortUpload(object, id);
    },
  });
  const broken = async function* (end: () => void): AsyncGenerator<Uint8Array> {
    yield* piecesOf(bytesOf(2, 12 * MIB));
    end();
  };
  const failing = replaceObject(
    url,
    broken(() => assert.fail('broken')),
    { store },
  );
  await assert.rejects(failing, /broken/u);
  const controller = new AbortController();
  const { signal } = controller;
  const ended = replaceObject(
    url,
    broken(() => controller.abort()),
    { store, signal },
  );
  await failsWith('ABORTED', 'unchanged', ended);
  assert.equal(aborted.length, 2);
  assert.ok(bytesOf(1).equals(model.bodyOf(name) ?? new Uint8Array()));
});
