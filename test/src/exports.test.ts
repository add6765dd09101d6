import assert from 'node:assert/strict';
import { test } from 'node:test';

/** Everything that each package exports by name. Whoever changes this changes the public surface. */
const exported: Readonly<Record<string, readonly string[]>> = {
  holdfast: [
    'HoldfastError',
    'acquireLock',
    'appendRecords',
    'compactRecords',
    'errorCodes',
    'isHoldfastError',
    'listOrphans',
    'probe',
    'publishDirectory',
    'readJson',
    'readRecords',
    'recover',
    'replaceFile',
    'resumableStagePath',
    'sweepOrphans',
    'transaction',
    'updateJson',
    'withLock',
  ],
  'holdfast/errors': ['HoldfastError', 'errnoOf', 'errorCodes', 'isHoldfastError'],
  'holdfast/json': [
    'applyJsonPatch',
    'deleteAt',
    'formatPointer',
    'getAt',
    'mergePatch',
    'parseJson',
    'parsePointer',
    'setAt',
  ],
  'holdfast/os': ['errnoOf', 'inlineFileSystem', 'nodeFileSystem', 'systemError'],
  'holdfast/options': ['checkOptions', 'checkPath', 'invalidArgument'],
  '@holdfast/raster': [
    'compressionNames',
    'fromArray',
    'fromChunks',
    'fromGeoTiff',
    'fromZarr',
    'openVrt',
    'overviewMethods',
    'recoverVrt',
    'renderPreview',
    'verifyVrt',
    'writeTiledVrt',
  ],
  '@holdfast/metaflow': ['EnvironmentManifest', 'ProductionTokenStore'],
  '@holdfast/crashkit': [
    'ModelDisk',
    'crashTest',
    'explore',
    'exploreErrors',
    'exploreKills',
    'explorePower',
    'exploreStraceKills',
    'interceptFs',
    'printViolation',
    'replayViolation',
    'saveViolation',
    'scenarioOfSteps',
    'writeTree',
  ],
};

for (const [name, names] of Object.entries(exported)) {
  test(`${name} exports what it says, and nothing else`, async () => {
    const loaded = (await import(name)) as Record<string, unknown>;
    assert.deepEqual(Object.keys(loaded).toSorted(), names);
  });
  if (!/^(holdfast|@holdfast\/raster)/.test(name)) continue;
  test(`${name} exports the same from its bundle, which users get`, async () => {
    const bundle = import.meta.resolve(name).replace('/dist/', '/dist/bundled/');
    const loaded = (await import(bundle)) as Record<string, unknown>;
    assert.deepEqual(Object.keys(loaded).toSorted(), names);
  });
}
