/**
 * A URL where a path is wanted: POSIX would take `s3://bucket/state.json` for a folder `s3:`, and
 * the document would be made there, acknowledged, and found by nobody.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import * as holdfast from 'holdfast';
import * as metaflow from '@holdfast/metaflow';
import * as raster from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

type Call = (url: string) => unknown;

const source = raster.fromArray({ data: new Uint8Array(4), width: 2, height: 2 });
/** In the form of one. */
const session = '0123456789abcdef0123';
const nothing = (): void => undefined;

/** Those that reach far away too. */
const reachingFar: Readonly<Record<string, Call>> = {
  abandonMosaic: (url) => raster.abandonMosaic(url, session),
  beginMosaic: (url) => raster.beginMosaic(url, source, { partCount: 1 }),
  fromGeoTiff: (url) => raster.fromGeoTiff(url),
  fromVrt: (url) => raster.fromVrt(url),
  joinMosaic: (url) => raster.joinMosaic(url, session, source),
  mosaicProgress: (url) => raster.mosaicProgress(url, session),
  openVrt: (url) => raster.openVrt(url),
  recoverVrt: (url) => raster.recoverVrt(url),
  verifyVrt: (url) => raster.verifyVrt(url),
  writeCog: (url) => raster.writeCog(url, source),
  writeTiledVrt: (url) => raster.writeTiledVrt(url, source),
};

/** Every other call with a path, by its name. */
const calls: Readonly<Record<string, Call>> = {
  abandonParts: (url) => holdfast.abandonParts(url, session),
  acquireLock: (url) => holdfast.acquireLock(url),
  appendRecords: (url) => holdfast.appendRecords(url, [{ a: 1 }]),
  beginParts: (url) => holdfast.beginParts(url, { partCount: 1 }),
  compactRecords: (url) => holdfast.compactRecords(url, { key: 'a' }),
  joinParts: (url) => holdfast.joinParts(url, session),
  listOrphans: (url) => holdfast.listOrphans(url),
  listPrevious: (url) => holdfast.listPrevious(url),
  probe: (url) => holdfast.probe(url),
  publishDirectory: (url) => holdfast.publishDirectory(url, (stage) => stage.write('a', 'x')),
  readEnv: (url) => holdfast.readEnv(url),
  readJson: (url) => holdfast.readJson(url, { initial: {} }),
  readRecords: (url) => holdfast.readRecords(url).next(),
  readToml: (url) => holdfast.readToml(url),
  readYaml: (url) => holdfast.readYaml(url),
  recover: (url) => holdfast.recover(url),
  repairRecords: (url) => holdfast.repairRecords(url),
  replaceFile: (url) => holdfast.replaceFile(url, 'x'),
  restorePrevious: (url) => holdfast.restorePrevious(url),
  resumableStagePath: (url) => holdfast.resumableStagePath(url),
  sweepOrphans: (url) => holdfast.sweepOrphans(url),
  transaction: (url) => holdfast.transaction(url, (tx) => tx.replaceFile('a', 'x')),
  updateEnv: (url) => holdfast.updateEnv(url, () => ({ A: '1' })),
  updateFile: (url) => holdfast.updateFile(url, () => 'x'),
  updateJson: (url) => holdfast.updateJson(url, () => ({ a: 1 })),
  updateToml: (url) => holdfast.updateToml(url, () => ({ a: 1 })),
  updateYaml: (url) => holdfast.updateYaml(url, () => ({ a: 1 })),
  watchFile: (url) => holdfast.watchFile(url).next(),
  watchJson: (url) => holdfast.watchJson(url).next(),
  withLock: (url) => holdfast.withLock(url, nothing),
  EnvironmentManifest: (url) =>
    new metaflow.EnvironmentManifest(url, 'Flow').write(['a', 'b', 'c'], []),
  ProductionTokenStore: (url) => new metaflow.ProductionTokenStore({ home: url }).store('a', 'b'),
  addOverviews: (url) => raster.addOverviews(url),
  indexTiles: (url) => raster.indexTiles(url, ['/a.tif']),
  serveRaster: (url) => raster.serveRaster(url),
};

const withoutPath = [
  ['HoldfastError', 'TomlDate', 'errorCodes', 'isHoldfastError', 'lockEnvironment'],
  ['compressionNames', 'fromArray', 'fromChunks', 'fromGpuBuffer', 'fromGpuChunks'],
  [
    'fromGpuTexture',
    'fromZarr',
    'joinSources',
    'mayTryPartAgain',
    'mend',
    'overviewMethods',
    'renderPreview',
  ],
].flat();

test('every export is among the calls, or takes no path', () => {
  const exported = [holdfast, metaflow, raster].flatMap((names) => Object.keys(names));
  const known = [...Object.keys({ ...calls, ...reachingFar }), ...withoutPath];
  assert.deepEqual(exported.toSorted(), known.toSorted());
});

test('a URL is refused as a path by every call, with what to do, and nothing is made', async (t) => {
  const directory = temporaryDirectory(t);
  process.chdir(directory);
  t.after(() => process.chdir('/'));
  const advice = {
    's3:': /@holdfast\/objectstore/,
    'https:': /https:\/\//,
    'file:': /fileURLToPath/,
  };
  for (const [name, call] of Object.entries(calls)) {
    for (const [scheme, said] of Object.entries(advice)) {
      const url = `${scheme}//bucket/folder/a.vrt`;
      await assert.rejects(
        async () => {
          await call(url);
        },
        (error) => {
          assert.ok(
            holdfast.isHoldfastError(error, 'INVALID_ARGUMENT'),
            `${name}: ${String(error)}`,
          );
          assert.match(error.message, said, name);
          assert.match(error.message, /Nothing was changed/, name);
          return true;
        },
        `${name} took ${url}`,
      );
    }
  }
  assert.deepEqual(readdirSync(directory), []);
});

test('a call that reaches far away refuses what is no address that it knows, and makes nothing', async (t) => {
  const directory = temporaryDirectory(t);
  process.chdir(directory);
  t.after(() => process.chdir('/'));
  const addresses = ['file://bucket/a.vrt', 'ftp://bucket/a.vrt', 's3://bucket', 'https://host/'];
  for (const [name, call] of Object.entries(reachingFar)) {
    for (const url of addresses) {
      await assert.rejects(
        async () => {
          await call(url);
        },
        (error) => holdfast.isHoldfastError(error, 'INVALID_ARGUMENT'),
        `${name} took ${url}`,
      );
    }
  }
  await assert.rejects(raster.writeTiledVrt('https://host/a.vrt', source), (error: Error) => {
    assert.match(error.message, /no https:\/\/ address/);
    return holdfast.isHoldfastError(error, 'INVALID_ARGUMENT');
  });
  assert.deepEqual(readdirSync(directory), []);
});

test('a path that a call is told beside its own is refused as well', async (t) => {
  const directory = temporaryDirectory(t);
  process.chdir(directory);
  t.after(() => process.chdir('/'));
  const url = 's3://bucket/key';
  const others: readonly (() => Promise<unknown>)[] = [
    () => holdfast.updateJson('a.json', () => ({ a: 1 }), { lockPath: url }),
    () => holdfast.replaceFile('a.json', 'x', { keepPrevious: 1, previousDirectory: url }),
    () => holdfast.transaction('.', (tx) => tx.replaceFile(url, 'x')),
  ];
  for (const call of others) {
    await assert.rejects(call, (error) => holdfast.isHoldfastError(error, 'INVALID_ARGUMENT'));
  }
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes(':')),
    [],
  );
});

test('a folder whose name ends in a colon is written to by another spelling, a drive of Windows by its own', async (t) => {
  process.chdir(temporaryDirectory(t));
  t.after(() => process.chdir('/'));
  await holdfast.updateJson('./s3:/a.json', () => ({ a: 1 }));
  assert.deepEqual(await holdfast.readJson('./s3://a.json'), { a: 1 });
  await assert.rejects(
    holdfast.readJson('c://a.json'),
    (error) => !holdfast.isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
});
