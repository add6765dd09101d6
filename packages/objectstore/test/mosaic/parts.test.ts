/** Mosaics in a bucket whose tiles are made in parts: against a store in memory. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isHoldfastError, type ErrorCode } from 'holdfast';
import {
  abandonMosaic,
  beginMosaic,
  joinMosaic,
  mosaicProgress,
  openVrt,
  verifyVrt,
  writeTiledVrt,
  type MosaicSession,
} from '@holdfast/raster';
import { ModelStore } from '#src/store/model-store.js';
import { temporaryOf } from '../temporary.js';
import { index, options, rasterOf, samplesOf } from './raster.js';

const { threads, ...format } = options;

async function failsWith(code: ErrorCode, work: Promise<unknown>, said = /./): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    assert.ok(isHoldfastError(error, code), String(error));
    assert.match(error.message, said);
    return true;
  });
}

async function begun(store: ModelStore, label: number, more = {}): Promise<MosaicSession> {
  const given = { ...format, ...more, store, partCount: 3, note: { label } };
  const { id } = await beginMosaic(index, rasterOf(label), given);
  return join(store, id, label);
}

function join(store: ModelStore, id: string, label: number): Promise<MosaicSession> {
  return joinMosaic(index, id, rasterOf(label), { store, threads });
}

/** What is published, with one name for each generation. */
async function published(store: ModelStore): Promise<ReadonlyMap<string, string>> {
  const text = Buffer.from(
    store.bodyOf({ bucket: 'bucket', key: 'maps/dem.vrt' }) ?? [],
  ).toString();
  const [, generation = ''] = /generations\/([-0-9a-z]+)\//.exec(text) ?? [];
  const plain = (from: string): string =>
    from
      .replaceAll(generation, 'G')
      .replace(/<!-- holdfast sha256 .*/s, '')
      .replace(/<MDI key="BUCKET">.*<\/MDI>/, '');
  const found = new Map([['dem.vrt', plain(text)]]);
  const listed = await store.list('bucket', `maps/dem_tiles/generations/${generation}/`);
  assert.equal(listed.outcome, 'found');
  for (const { key } of listed.objects) {
    const body = Buffer.from(store.bodyOf({ bucket: 'bucket', key }) ?? []);
    const name = key.split('/').at(-1) ?? '';
    const isText = /\.(?:vrt|json)$/.test(name);
    found.set(name, isText ? plain(body.toString()) : body.toString('base64'));
  }
  return found;
}

test('tiles that many have made are the mosaic that one makes, to the byte', async (t) => {
  const temporary = temporaryOf(t);
  const [one, many] = [new ModelStore(), new ModelStore()];
  const alone = await writeTiledVrt(index, rasterOf(1), { ...options, store: one });
  const session = await begun(many, 1);
  await session.writePart(2);
  const { rowCount, columnCount, tiles, done } = await mosaicProgress(index, session.id, {
    store: many,
  });
  assert.deepEqual([rowCount, columnCount, done], [2, 3, [2]]);
  assert.deepEqual(
    tiles.map((tile) => tile === 'done'),
    [false, false, false, false, true, true],
  );
  await failsWith('PARTS_MISSING', session.commit(), /: 0-1\. /);
  await failsWith('NOT_FOUND', verifyVrt(index, { store: many }));
  await Promise.all([0, 1, 2].map((part) => session.writePart(part)));
  const written = await session.commit();
  assert.deepEqual(await published(many), await published(one));
  const { tilesPath, resumedTileCount, ...told } = written;
  assert.equal(resumedTileCount, 6);
  assert.match(tilesPath, /^s3:\/\/bucket\/maps\/dem_tiles\/generations\//);
  assert.deepEqual({ ...told, tilesPath: alone.tilesPath, resumedTileCount: 0 }, alone);
  const { ok } = await verifyVrt(index, { store: many, deep: true });
  assert.ok(ok);
  const mosaic = await openVrt(index, { store: many });
  assert.deepEqual((await mosaic.read()).data, samplesOf(1));
  await mosaic.close();
  assert.deepEqual(await session.commit(), written);
  assert.deepEqual(await session.writePart(1), { part: 1, wasDone: true });
  assert.deepEqual(readdirSync(temporary), []);
});

test('items and a GTI of a mosaic made in parts are those of one machine', async () => {
  const [one, many] = [new ModelStore(), new ModelStore()];
  const more = { stac: { datetime: '2024-06-01T10:20:30Z', tiles: true }, gti: true } as const;
  await writeTiledVrt(index, rasterOf(1), { ...options, ...more, store: one });
  const session = await begun(many, 1, more);
  for (const part of [0, 1, 2]) await session.writePart(part);
  const { stacPath, stacItemsPath, gtiPath, tilesPath } = await session.commit();
  assert.deepEqual(
    [stacPath, stacItemsPath, gtiPath],
    ['dem.vrt.stac.json', 'dem.vrt.items.json', 'dem.gti.gpkg'].map((end) => `${tilesPath}/${end}`),
  );
  assert.deepEqual(await published(many), await published(one));
  assert.ok((await verifyVrt(index, { store: many, deep: true })).ok);
});

test('another source is refused, and what is for disks is', async () => {
  const store = new ModelStore();
  const session = await begun(store, 1);
  await failsWith('ALREADY_EXISTS', join(store, session.id, 2), /another job \(other: source\)/);
  await failsWith('ALREADY_EXISTS', begun(store, 2), RegExp(session.id));
  assert.equal((await begun(store, 1)).id, session.id);
  await failsWith('INVALID_ARGUMENT', begun(store, 1, { durability: 'atomic' }), /durability/);
});

test('a mosaic is replaced by parts, and an abandoned session leaves the one that was there', async () => {
  const store = new ModelStore();
  await writeTiledVrt(index, rasterOf(1), { ...options, store });
  await failsWith('ALREADY_EXISTS', begun(store, 2));
  const given = await begun(store, 3, { ifExists: 'replace' });
  await given.writePart(0);
  assert.equal(await abandonMosaic(index, given.id, { store }), true);
  await failsWith('SESSION_GONE', given.commit());
  const read = async () => {
    const mosaic = await openVrt(index, { store });
    const { data } = await mosaic.read();
    await mosaic.close();
    return data;
  };
  assert.deepEqual(await read(), samplesOf(1));
  const session = await begun(store, 2, { ifExists: 'replace' });
  for (const part of [0, 1, 2]) await session.writePart(part);
  await session.commit();
  assert.deepEqual(await read(), samplesOf(2));
});
