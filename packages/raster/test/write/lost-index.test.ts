import assert from 'node:assert/strict';
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { openVrt, recoverVrt, verifyVrt, writeTiledVrt, type WriteOptions } from '#src/index.js';
import { fromArray } from '#src/source/from-array.js';
import { isDerived } from '#src/write/index-with-tiles.js';

const replace: WriteOptions = { tileSizePx: 16, threads: 0, ifExists: 'replace', keepPrevious: 0 };

async function write(path: string, value: number, options: WriteOptions = {}) {
  const source = fromArray({ data: new Uint8Array(40 * 30).fill(value), width: 40, height: 30 });
  return writeTiledVrt(path, source, { ...replace, ...options });
}

async function valuesAt(path: string): Promise<number[]> {
  const mosaic = await openVrt(path);
  const { data } = await mosaic.read();
  await mosaic.close();
  return [...new Set(data as Uint8Array)];
}

const directoriesAt = (path: string): string[] =>
  readdirSync(join(path, '..')).filter((name) => /_tiles(\.\d+)?$/u.test(name));

/** What GDAL writes back: the index as it had opened it, without our checksum. */
const asGdalWrites = (text: string): string => text.replace(/<!--.*\n/u, '');

/** A mosaic that holds 1, replaced by 2, and 1 put back by a program that had it open. */
async function putBack(t: TestContext): Promise<string> {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1);
  const old = readFileSync(path, 'utf8');
  await write(path, 2, { keepPrevious: 1 });
  writeFileSync(path, asGdalWrites(old));
  assert.deepEqual(await valuesAt(path), [1]);
  return path;
}

test('an index that another program put back is told of by verify, and brought back by recover', async (t) => {
  const path = await putBack(t);
  const { ok, problems } = await verifyVrt(path);
  assert.equal(ok, false);
  assert.equal(problems[0]?.kind, 'lost index');
  assert.match(problems[0]?.message ?? '', /out_tiles\.2.*recover/u);
  const planned = await recoverVrt(path, { dryRun: true });
  assert.deepEqual(await valuesAt(path), [1]);
  assert.deepEqual(await recoverVrt(path), planned);
  assert.deepEqual(
    planned.map(({ kind, action }) => [kind, action]),
    [['index', 'broughtBack']],
  );
  assert.deepEqual(await valuesAt(path), [2]);
  assert.deepEqual((await verifyVrt(path, { deep: true })).problems, []);
  assert.deepEqual(await recoverVrt(path), []);
});

test('the next write tells of an index that was put back, and leaves the tiles of both to their readers', async (t) => {
  const path = await putBack(t);
  const written = await write(path, 3, { keepPrevious: 1 });
  assert.equal(written.lostIndexOf, join(path, '../out_tiles.2'));
  assert.deepEqual(directoriesAt(path), ['out_tiles', 'out_tiles.2', 'out_tiles.3']);
  const next = await write(path, 4);
  assert.equal(next.lostIndexOf, undefined);
  assert.deepEqual(directoriesAt(path), ['out_tiles.4']);
});

test('no name is used by two generations, also when an index is put back again and again', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1);
  const first = readFileSync(path, 'utf8');
  const names = new Set<string>();
  for (let value = 2; value < 8; value += 1) {
    const { tilesPath } = await write(path, value, { keepPrevious: 3 });
    assert.ok(!names.has(tilesPath), tilesPath);
    names.add(tilesPath);
    if (value % 2 === 0) writeFileSync(path, asGdalWrites(first));
  }
});

test('a name is not used again after everything but the record was removed by hand', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  for (const value of [1, 2]) await write(path, value);
  rmSync(path);
  rmSync(join(path, '../out_tiles.2'), { recursive: true });
  const { tilesPath } = await write(path, 3);
  assert.equal(tilesPath, join(path, '../out_tiles.3'));
});

test('an index that is cut is brought back, also that of a first write', async (t) => {
  for (const writes of [1, 2]) {
    const path = join(temporaryDirectory(t), 'out.vrt');
    for (let value = 1; value <= writes; value += 1) await write(path, value);
    for (const size of [0, 100, 900, readFileSync(path).length - 80]) {
      truncateSync(path, size);
      assert.equal((await verifyVrt(path)).ok, false, `${size}`);
      await recoverVrt(path);
      assert.deepEqual(await valuesAt(path), [writes], `${size}`);
    }
  }
});

test('an index that was removed, and one that another program meant, stay as they are', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  for (const value of [1, 2]) await write(path, value);
  const edited = asGdalWrites(readFileSync(path, 'utf8')).replace(
    '</VRTDataset>',
    '<Metadata><MDI key="OPERATOR">me</MDI></Metadata></VRTDataset>',
  );
  writeFileSync(path, edited);
  assert.deepEqual(await recoverVrt(path), []);
  assert.equal(readFileSync(path, 'utf8'), edited);
  rmSync(path);
  assert.equal(
    (await recoverVrt(path)).some(({ kind }) => kind === 'index'),
    false,
  );
  assert.equal(existsSync(path), false);
});

test('an index is not brought back to tiles that are gone', async (t) => {
  const path = await putBack(t);
  rmSync(join(path, '../out_tiles.2'), { recursive: true });
  assert.deepEqual(await recoverVrt(path), []);
  assert.deepEqual(await valuesAt(path), [1]);
});

test('the head of an index is found behind a CRS of any length, as other programs write it', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1);
  const text = asGdalWrites(readFileSync(path, 'utf8'));
  const own = /\s*<Metadata domain="HOLDFAST">[\s\S]*?<\/Metadata>/u.exec(text)?.[0] ?? '';
  const crs = `<SRS>LOCAL_CS["${'x'.repeat(9000)}"]</SRS>`;
  writeFileSync(path, text.replace(own, `${crs}${own}`));
  await write(path, 2, { keepPrevious: 1 });
  assert.deepEqual(directoriesAt(path), ['out_tiles', 'out_tiles.2']);
});

test('keepForMs keeps old tiles by age, besides those of keepPrevious', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const hour = 3_600_000;
  for (const value of [1, 2, 3]) await write(path, value, { keepForMs: hour });
  assert.deepEqual(directoriesAt(path), ['out_tiles', 'out_tiles.2', 'out_tiles.3']);
  const recordPath = `${path}.generations`;
  const record = JSON.parse(readFileSync(recordPath, 'utf8'));
  record.retired['out_tiles'] -= 2 * hour;
  // Another machine's clock.
  record.retired['out_tiles.2'] += 2 * hour;
  writeFileSync(recordPath, JSON.stringify(record));
  await write(path, 4, { keepForMs: hour });
  assert.deepEqual(directoriesAt(path), ['out_tiles.2', 'out_tiles.3', 'out_tiles.4']);
  await write(path, 5);
  assert.deepEqual(directoriesAt(path), ['out_tiles.5']);
  for (const keepForMs of [-1, Number.NaN, '1h' as unknown as number])
    await assert.rejects(write(path, 6, { keepForMs }), (error) =>
      isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
});

test('companions of an index retire with its tiles, and come back with it', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1);
  const old = readFileSync(path, 'utf8');
  writeFileSync(`${path}.ovr`, 'overviews of 1');
  const written = await write(path, 2, { keepPrevious: 1 });
  assert.deepEqual(written.retiredCompanions, ['out.vrt.ovr']);
  assert.equal(existsSync(`${path}.ovr`), false);
  writeFileSync(`${path}.ovr`, 'overviews of 2');
  writeFileSync(path, asGdalWrites(old));
  await recoverVrt(path);
  assert.equal(existsSync(`${path}.ovr`), false, 'it was beside the index that was put back');
  assert.deepEqual(await valuesAt(path), [2]);
  await write(path, 3);
  assert.deepEqual(directoriesAt(path), ['out_tiles.3']);
});

test('statistics that a program left beside tiles go with them; what may be somebody’s work stays, and its tiles too', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1);
  const statistics =
    '<PAMDataset>\n  <PAMRasterBand band="1">\n    <Histograms><HistItem/></Histograms>\n    <Metadata>\n      <MDI key="STATISTICS_MEAN">1</MDI>\n    </Metadata>\n  </PAMRasterBand>\n</PAMDataset>\n';
  writeFileSync(join(path, '../out_tiles/tile_00_00.tif.aux.xml'), statistics);
  await write(path, 2);
  assert.deepEqual(directoriesAt(path), ['out_tiles.2']);
  const table =
    '<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable/></PAMRasterBand></PAMDataset>';
  writeFileSync(join(path, '../out_tiles.2/tile_00_00.tif.aux.xml'), table);
  await write(path, 3);
  assert.deepEqual(directoriesAt(path), ['out_tiles.2', 'out_tiles.3']);
  assert.equal(readFileSync(join(path, '../out_tiles.2/tile_00_00.tif.aux.xml'), 'utf8'), table);
});

test('companions of an index that was not ours get another name, and nothing is replaced by it', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  writeFileSync(`${path}.ovr`, 'of a mosaic that is gone');
  writeFileSync(`${path}.replaced.ovr`, 'older');
  const { retiredCompanions } = await write(path, 1);
  assert.deepEqual(retiredCompanions, ['out.vrt.ovr']);
  assert.equal(existsSync(`${path}.ovr`), false);
  assert.equal(readFileSync(`${path}.replaced.2.ovr`, 'utf8'), 'of a mosaic that is gone');
  assert.equal(readFileSync(`${path}.replaced.ovr`, 'utf8'), 'older');
});

test('a record that we did not write is refused by writes before anything is touched', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  await write(path, 1);
  for (const text of ['', '{}', '{"format":"holdfast-generations","version":2}']) {
    writeFileSync(`${path}.generations`, text);
    await assert.rejects(write(path, 2), (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'));
    assert.deepEqual(await valuesAt(path), [1]);
    assert.deepEqual(directoriesAt(path), ['out_tiles']);
  }
});

// Backtracking from each of a million places would not end within the time of a test run.
test('a companion of nothing but openings is judged in one pass', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt.aux.xml');
  writeFileSync(path, '<Histograms>'.repeat(1_000_000));
  assert.equal(await isDerived(nodeFileSystem, path), false);
  const statistics = '<PAMRasterBand band="1"><Histograms><HistItem/></Histograms></PAMRasterBand>';
  writeFileSync(path, `<PAMDataset>${statistics.repeat(2)}</PAMDataset>`);
  assert.equal(await isDerived(nodeFileSystem, path), true);
});
