/** Mosaics are written to a bucket whole or not at all: against a store in memory. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import {
  fromArray,
  openVrt,
  recoverVrt,
  verifyVrt,
  writeTiledVrt,
  type RasterSource,
} from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { ModelStore } from '#src/store/model-store.js';
import { temporaryOf } from '../temporary.js';

const [WIDTH, HEIGHT] = [300, 200];
const index = 's3://bucket/some folder/dem.vrt';
const options = { tileSizePx: 64, threads: 0, overviews: [2, 4] } as const;

function samples(label: number): Int32Array {
  return Int32Array.from({ length: WIDTH * HEIGHT }, (_, at) => label * 1e6 + at);
}

function sourceOf(label: number): RasterSource {
  return fromArray({
    data: samples(label),
    width: WIDTH,
    height: HEIGHT,
    bands: [{ description: 'dem_tiles/ & "x"' }],
  });
}

async function labelIn(store: ModelStore): Promise<number> {
  const mosaic = await openVrt(index, { store });
  try {
    const { data } = await mosaic.read();
    const label = Math.floor((data[0] as number) / 1e6);
    assert.deepEqual(data, samples(label));
    return label;
  } finally {
    await mosaic.close();
  }
}

function textOf(store: ModelStore): string {
  return Buffer.from(
    store.bodyOf({ bucket: 'bucket', key: 'some folder/dem.vrt' }) ?? [],
  ).toString();
}

async function keysIn(store: ModelStore): Promise<readonly string[]> {
  const listed = await store.list('bucket', '');
  assert.equal(listed.outcome, 'found');
  return listed.objects.map(({ key }) => key);
}

async function failsWith(code: ErrorCode, work: Promise<unknown>, said = /./): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    assert.ok(isHoldfastError(error, code), String(error));
    assert.match(error.message, said);
    return true;
  });
}

test('a mosaic in a bucket has the pixels, the overviews and the words of one on disk', async (t) => {
  const store = new ModelStore();
  const written = await writeTiledVrt(index, sourceOf(1), { ...options, store });
  assert.equal(written.path, index);
  assert.match(
    written.tilesPath,
    /^s3:\/\/bucket\/some folder\/dem_tiles\/generations\/[-0-9a-z]+$/,
  );
  assert.equal(written.tileCount, 20);
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const onDisk = await writeTiledVrt(path, sourceOf(1), options);
  assert.deepEqual([written.generation, written.sizeBytes], [onDisk.generation, onDisk.sizeBytes]);
  const [far, near] = [await openVrt(index, { store }), await openVrt(path)];
  for (const scale of [1, 0.5, 0.25, 0.1])
    assert.deepEqual(await far.read(undefined, { scale }), await near.read(undefined, { scale }));
  assert.deepEqual(far.info, near.info);
  await Promise.all([far.close(), near.close()]);
});

test('tiles are sent while others are made, and do not pile up on this machine', async (t) => {
  const temporary = temporaryOf(t);
  const store = new ModelStore();
  const put = store.put.bind(store);
  let sent = 0;
  let allButOne = (): void => {};
  const areSent = new Promise<void>((resolve) => {
    allButOne = resolve;
  });
  store.put = async (name, ...more) => {
    const written = await put(name, ...more);
    if (/tile_.*tif$/.test(name.key)) sent += 1;
    if (sent === 19) allButOne();
    return written;
  };
  let waiting: readonly string[] = [];
  const source: RasterSource = {
    ...sourceOf(1),
    async read(window, ...more) {
      if (window.xPx === 256 && window.yPx === 192) {
        // Without end, where they are sent when all are made.
        await areSent;
        const files = readdirSync(temporary, { recursive: true }) as string[];
        waiting = files.filter((path) => /tile_.*tif$/.test(path));
      }
      return sourceOf(1).read(window, ...more);
    },
  };
  await writeTiledVrt(index, source, { ...options, store });
  assert.ok(waiting.length <= 8, String(waiting));
  assert.equal(await labelIn(store), 1);
});

test('tiles of which overviews are yet to be made wait for that', async (t) => {
  const store = new ModelStore();
  const ways = { ...options, resampling: 'cubic' } as const;
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const { generation } = await writeTiledVrt(path, sourceOf(1), ways);
  assert.equal(
    (await writeTiledVrt(index, sourceOf(1), { ...ways, store })).generation,
    generation,
  );
  assert.deepEqual((await verifyVrt(index, { store, deep: true })).problems, []);
});

test('a tile that the store refuses ends the write with what the store said', async (t) => {
  const temporary = temporaryOf(t);
  const store = new ModelStore();
  await writeTiledVrt(index, sourceOf(1), { ...options, store });
  const put = store.put.bind(store);
  store.put = async (name, ...more) => {
    if (!name.key.endsWith('tile_01_02.tif')) return put(name, ...more);
    const refusal = { status: 403, code: 'AccessDenied', message: 'not you', isTransient: false };
    return { outcome: 'refused', refusal };
  };
  await failsWith(
    'STORE_FAILED',
    writeTiledVrt(index, sourceOf(2), { ...options, store, ifExists: 'replace' }),
    /AccessDenied/,
  );
  assert.equal(await labelIn(store), 1);
  assert.deepEqual(readdirSync(temporary), []);
});

test('one that is there is replaced only when that is asked for, and its readers read on', async () => {
  const store = new ModelStore();
  await writeTiledVrt(index, sourceOf(1), { ...options, store });
  await failsWith(
    'ALREADY_EXISTS',
    writeTiledVrt(index, sourceOf(2), { ...options, store }),
    /ifExists: 'replace'/,
  );
  const before = await openVrt(index, { store });
  await writeTiledVrt(index, sourceOf(2), { ...options, store, ifExists: 'replace' });
  assert.deepEqual((await before.read()).data, samples(1));
  await before.close();
  assert.equal(await labelIn(store), 2);
  // What was followed, and is old enough, goes with the next.
  await writeTiledVrt(index, sourceOf(3), { ...options, store, ifExists: 'replace', keepForMs: 0 });
  const generations = new Set(
    (await keysIn(store)).flatMap((key) => /generations\/([^/]+)/.exec(key)?.[1] ?? []),
  );
  assert.equal(generations.size, 1);
  assert.equal(await labelIn(store), 3);
});

test('the index says the digest of its text, also after a sweep has written it anew', async () => {
  const store = new ModelStore();
  const { createHash } = await import('node:crypto');
  for (const label of [1, 2]) {
    await writeTiledVrt(index, sourceOf(label), {
      ...options,
      store,
      ifExists: 'replace',
      keepForMs: 0,
    });
    const text = textOf(store);
    const [, body = '', digest] =
      /^(.*\n)<!-- holdfast sha256 ([0-9a-f]{64}) -->\n\s*$/s.exec(text) ?? [];
    assert.equal(createHash('sha256').update(body).digest('hex'), digest);
    assert.equal(text.match(/<MDI key="BUCKET">/g)?.length, 1);
  }
});

test('what fails leaves the mosaic that was there, and nothing on this machine', async (t) => {
  const temporary = temporaryOf(t);
  const store = new ModelStore();
  await writeTiledVrt(index, sourceOf(1), { ...options, store });
  const broken: RasterSource = {
    ...sourceOf(2),
    read: (window) => {
      if (window.yPx > 100) throw new Error('the source is broken');
      return sourceOf(2).read(window);
    },
  };
  await failsWith(
    'UPDATER_FAILED',
    writeTiledVrt(index, broken, { ...options, store, ifExists: 'replace' }),
    /s3:\/\/bucket\/some folder\/dem_tiles\/tile_0\d_0\d\.tif/,
  );
  assert.equal(await labelIn(store), 1);
  const aborted = AbortSignal.abort();
  await failsWith(
    'ABORTED',
    writeTiledVrt(index, sourceOf(2), { ...options, store, ifExists: 'replace', signal: aborted }),
  );
  assert.equal(await labelIn(store), 1);
  assert.deepEqual(readdirSync(temporary), []);
});

/** The store as one writer has it, whose files are counted, and some of them refused. */
function counting(
  store: ModelStore,
  fails: (name: string) => boolean = () => false,
): { readonly store: ModelStore; readonly written: string[] } {
  const written: string[] = [];
  const put: ModelStore['put'] = async (name, body, more) => {
    const file = /generations\/[^/]+\/(.*)$/.exec(name.key)?.[1];
    if (file !== undefined && fails(file)) {
      const refusal = { status: 403, code: 'AccessDenied', message: 'no', isTransient: false };
      return { outcome: 'refused', refusal };
    }
    if (file !== undefined) written.push(file);
    return store.put(name, body, more);
  };
  return { store: new Proxy(store, { get: (of, name) => got(of, name, put) }), written };
}

function got(store: ModelStore, name: string | symbol, put: ModelStore['put']): unknown {
  if (name === 'put') return put;
  const value: unknown = Reflect.get(store, name, store);
  return typeof value === 'function' ? value.bind(store) : value;
}

const resuming = { ...options, resume: true, ifExists: 'replace' } as const;

test('with resume a write sends what the one that failed before it has not sent', async () => {
  const store = new ModelStore();
  const failing = counting(store, (name) => name === 'tile_02_03.tif');
  await failsWith(
    'STORE_FAILED',
    writeTiledVrt(index, sourceOf(1), { ...resuming, store: failing.store }),
  );
  assert.ok(failing.written.length > 5, failing.written.join(' '));
  // One of them is not what was sent any more.
  const [first = ''] = failing.written;
  const key = (await keysIn(store)).find((each) => each.endsWith(`/${first}`)) ?? '';
  await store.put({ bucket: 'bucket', key }, Buffer.from('something else'));
  const second = counting(store);
  const written = await writeTiledVrt(index, sourceOf(1), { ...resuming, store: second.store });
  const all = new Set([...failing.written, ...second.written]);
  assert.equal(second.written.length, all.size - failing.written.length + 1);
  const made = second.written.filter((name) => name.startsWith('tile_'));
  assert.equal(written.resumedTileCount, written.tileCount - made.length);
  assert.ok(second.written.includes(first));
  assert.equal(await labelIn(store), 1);
  assert.deepEqual((await verifyVrt(index, { store, deep: true })).problems, []);
  const anew = new ModelStore();
  const { generation } = await writeTiledVrt(index, sourceOf(1), { ...options, store: anew });
  assert.equal(written.generation, generation);
});

test('what was sent of other samples, or with other options, or was published, is not taken', async () => {
  const store = new ModelStore();
  const fails = (name: string) => name === 'tile_02_03.tif';
  const failing = () => counting(store, fails).store;
  await failsWith(
    'STORE_FAILED',
    writeTiledVrt(index, sourceOf(1), { ...resuming, store: failing() }),
  );
  const write = (label: number, more: object) =>
    writeTiledVrt(index, sourceOf(label), { ...resuming, ...more, store });
  assert.equal((await write(2, {})).resumedTileCount, 0);
  assert.equal((await write(1, { level: 1 })).resumedTileCount, 0);
  // Without the word nothing is looked for.
  assert.equal((await write(1, { resume: false })).resumedTileCount, 0);
  assert.ok((await write(1, {})).resumedTileCount > 5);
  assert.equal((await write(1, {})).resumedTileCount, 0);
  assert.equal(await labelIn(store), 1);
});

test('a writer whose work another has taken over publishes nothing', async () => {
  const store = new ModelStore();
  let [held, goOn] = [(): void => undefined, (): void => undefined];
  const isHeld = new Promise<void>((resolve) => (held = resolve));
  const goesOn = new Promise<void>((resolve) => (goOn = resolve));
  const slow = new Proxy(store, {
    get: (of, name) =>
      got(of, name, async (object, body, more) => {
        if (object.key.endsWith('/tile_01_01.tif')) {
          held();
          await goesOn;
        }
        return store.put(object, body, more);
      }),
  });
  const first = writeTiledVrt(index, sourceOf(1), { ...resuming, store: slow });
  await isHeld;
  const second = await writeTiledVrt(index, sourceOf(1), { ...resuming, store });
  goOn();
  await failsWith('TARGET_CHANGED', first, /Another publish of the same goes on/);
  assert.equal(await labelIn(store), 1);
  // What it gave up was not its own any more.
  const { ok } = await verifyVrt(index, { store, deep: true });
  assert.ok(ok);
  assert.match(textOf(store), new RegExp(second.tilesPath.split('/').at(-1) ?? '-'));
});

test('an index that a reader has put back leads to what it led to, and the next write replaces it', async () => {
  const store = new ModelStore();
  await writeTiledVrt(index, sourceOf(1), { ...options, store });
  // As GDAL writes it: without the comment at the end.
  const old = textOf(store).replace(/<!--.*-->\s*$/s, '');
  await writeTiledVrt(index, sourceOf(2), { ...options, store, ifExists: 'replace' });
  const key = 'some folder/dem.vrt';
  assert.equal((await store.put({ bucket: 'bucket', key }, Buffer.from(old))).outcome, 'committed');
  assert.equal(await labelIn(store), 1);
  await writeTiledVrt(index, sourceOf(3), { ...options, store, ifExists: 'replace' });
  assert.equal(await labelIn(store), 3);
});

test('an index of somebody else is left alone', async () => {
  const store = new ModelStore();
  const name = { bucket: 'bucket', key: 'some folder/dem.vrt' };
  await store.put(name, Buffer.from('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>'));
  await failsWith(
    'CORRUPT_DOCUMENT',
    writeTiledVrt(index, sourceOf(1), { ...options, store, ifExists: 'replace' }),
    /no pointer/,
  );
  assert.deepEqual(await keysIn(store), [name.key]);
});

test('what has no meaning in a bucket is refused before anything is asked of it', async () => {
  const store = new ModelStore();
  const refused = (address: string, more: object, said: RegExp): Promise<void> =>
    failsWith(
      'INVALID_ARGUMENT',
      writeTiledVrt(address, sourceOf(1), { ...options, store, ...more }),
      said,
    );
  await refused(index, { durability: 'durable' }, /durability/);
  await refused('s3://bucket/dem.tif', {}, /SOMETHING\.vrt/);
  await refused('s3://bucket/', {}, /names no object/);
  await refused('https://host/dem.vrt', { store: undefined }, /store|https:\/\//);
  assert.deepEqual(await keysIn(store), []);
});

test('its STAC item, the items of its tiles and its GTI are of the same commit, and go with its tiles', async () => {
  const store = new ModelStore();
  const { samplesOf, rasterOf, index: placed, width, height } = await import('./raster.js');
  const stac = { datetime: '2024-06-01T10:20:30Z', tiles: true };
  const catalogued = { tileSizePx: 256, threads: 0, stac, gti: true, store } as const;
  const more = { ifExists: 'replace', keepForMs: 0 } as const;
  await writeTiledVrt(placed, rasterOf(1), { ...catalogued, ...more });
  const written = await writeTiledVrt(placed, rasterOf(2), { ...catalogued, ...more });
  const { stacPath = '', stacItemsPath = '', gtiPath = '', tilesPath } = written;
  const ends = ['dem.vrt.stac.json', 'dem.vrt.items.json', 'dem.gti.gpkg'];
  assert.deepEqual(
    [stacPath, stacItemsPath, gtiPath],
    ends.map((name) => `${tilesPath}/${name}`),
  );
  const nameOf = (url: string) => ({ bucket: 'bucket', key: url.slice('s3://bucket/'.length) });
  const item = JSON.parse(Buffer.from(store.bodyOf(nameOf(stacPath)) ?? []).toString()) as {
    readonly assets: { readonly data: { readonly href: string } };
    readonly properties: { readonly 'proj:shape': readonly number[] };
  };
  // As a browser follows it from where the item lies.
  const { href } = new URL(item.assets.data.href, stacPath.replace('s3:', 'https:'));
  assert.equal(href, placed.replace('s3:', 'https:'));
  assert.deepEqual(item.properties['proj:shape'], [height, width]);
  const { ok, problems } = await verifyVrt(placed, { store, deep: true });
  assert.ok(ok, JSON.stringify(problems));
  await store.put(nameOf(stacPath), Buffer.from('{}'));
  const [found] = (await verifyVrt(placed, { store })).problems;
  assert.deepEqual([found?.kind, found?.path], ['changed', stacPath]);
  const mosaic = await openVrt(placed, { store });
  assert.deepEqual((await mosaic.read()).data, samplesOf(2));
  await mosaic.close();
  // Those of before went with their tiles.
  const left = (await keysIn(store)).filter((key) => ends.some((end) => key.endsWith(end)));
  assert.equal(left.length, ends.length);
});

test('recover removes the tiles that the index does not name when they are old enough, or tells of them', async () => {
  const store = new ModelStore();
  const generation = ({ tilesPath }: { readonly tilesPath: string }) => tilesPath.split('/').at(-1);
  const write = (label: number) =>
    writeTiledVrt(index, sourceOf(label), { ...options, store, ifExists: 'replace' });
  const recover = async (more: object): Promise<readonly string[]> => {
    const left = await recoverVrt(index, { store, ...more });
    return left.map(({ action, path }) => `${action} ${path.split('/').at(-1)}`);
  };
  assert.deepEqual(await recover({ keepForMs: 0 }), []);
  const first = generation(await write(1));
  const second = generation(await write(2));
  const fails = counting(store, (name) => name === 'tile_02_03.tif').store;
  await failsWith('STORE_FAILED', writeTiledVrt(index, sourceOf(3), { ...resuming, store: fails }));
  const keys = await keysIn(store);
  const dead = keys
    .map((key) => /generations\/([^/]+)/.exec(key)?.[1])
    .find((each) => each !== undefined && each !== first && each !== second);
  const both = (action: string) => [`${action} ${first}`, `${action} ${dead}`].toSorted();
  assert.deepEqual((await recover({ keepForMs: 1e6 })).toSorted(), both('kept'));
  // Each write of the model takes a second.
  for (let count = 0; count < 1000; count += 1)
    await store.put({ bucket: 'bucket', key: 'clock' }, Buffer.from(''));
  const before = await keysIn(store);
  assert.deepEqual((await recover({ keepForMs: 1e6, dryRun: true })).toSorted(), both('removed'));
  assert.deepEqual(await keysIn(store), before);
  assert.deepEqual(
    (await recover({ keepForMs: 1e6, keepPrevious: 1 })).toSorted(),
    [`kept ${first}`, `removed ${dead}`].toSorted(),
  );
  assert.deepEqual(await recover({ keepForMs: 1e6 }), [`removed ${first}`]);
  assert.ok((await keysIn(store)).every((key) => !key.includes(`generations/${first}/`)));
  assert.equal(await labelIn(store), 2);
  assert.ok((await verifyVrt(index, { store, deep: true })).ok);
  await failsWith('INVALID_ARGUMENT', recoverVrt(index, { store, discard: true }), /discard/);
  await failsWith('INVALID_ARGUMENT', recoverVrt('dem.vrt', { keepForMs: 0 }), /s3:\/\/ alone/);
});

test('verify finds what is missing, changed or foreign, and an index that was put back', async () => {
  const store = new ModelStore();
  const bucket = 'bucket';
  const kinds = async (deep: boolean): Promise<readonly string[]> => {
    const { problems, ok, tiles, evidence } = await verifyVrt(index, { store, deep });
    assert.equal(ok, problems.length === 0);
    assert.deepEqual([tiles, evidence], [20, 'checksums']);
    return problems.map(({ kind, path }) => `${kind} ${path.split('/').at(-1)}`);
  };
  await failsWith('NOT_FOUND', verifyVrt(index, { store }));
  const { tilesPath } = await writeTiledVrt(index, sourceOf(1), { ...options, store });
  assert.deepEqual([...(await kinds(false)), ...(await kinds(true))], []);
  const key = (name: string) => `${tilesPath.slice('s3://bucket/'.length)}/${name}`;
  await store.delete({ bucket, key: key('tile_00_00.tif') });
  await store.put({ bucket, key: key('tile_00_01.tif') }, Buffer.from('x'));
  await store.put({ bucket, key: key('other.tif') }, Buffer.from('x'));
  const bad = ['missing tile_00_00.tif', 'changed tile_00_01.tif', 'foreign other.tif'];
  assert.deepEqual((await kinds(true)).toSorted(), bad.toSorted());

  const old = textOf(store);
  await writeTiledVrt(index, sourceOf(2), { ...options, store, ifExists: 'replace' });
  assert.deepEqual(await kinds(true), []);
  await store.put({ bucket, key: 'some folder/dem.vrt' }, Buffer.from(old));
  assert.ok((await kinds(false)).includes('lost index dem.vrt'));
  // An index that names other tiles than those that were published with it.
  const third = await writeTiledVrt(index, sourceOf(3), { ...options, store, ifExists: 'replace' });
  const text = textOf(store).replace('/tile_00_00.tif<', '/tile_77_00.tif<');
  assert.ok(text.includes(third.tilesPath.split('/').at(-1) ?? ''));
  await store.put({ bucket, key: 'some folder/dem.vrt' }, Buffer.from(text));
  assert.deepEqual(await kinds(false), ['other generation tile_77_00.tif']);
});
