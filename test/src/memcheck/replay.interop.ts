import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { callsOf, compileReplay, replay } from './calls.js';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-memcheck-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const program = compileReplay(directory);
const ofCodecs = await callsOfTests('packages/raster/dist-test/codec/codecs.test.js');
const ofSystem = await callsOfTests('packages/holdfast/dist-test/os/native.test.js');

async function callsOfTests(path: string): Promise<readonly string[]> {
  const file = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const log = join(directory, path.replaceAll('/', '-'));
  return callsOf(['--conditions=holdfast-modules', file], log);
}

/** The names of calls with a fault. */
async function faultsOf(calls: readonly string[]): Promise<readonly string[]> {
  const { faults } = await replay(program, calls);
  return [...new Set(faults.map((fault) => fault.split(' ')[1] as string))].toSorted();
}

test('calls as they are made have no fault', async () => {
  assert.deepEqual(await faultsOf([...ofCodecs, ...ofSystem]), []);
});

test('a LERC block that is decoded into less room than its header says is noticed', async () => {
  const decoded = ofCodecs.filter((call) => call.startsWith('lerc_decode'));
  const halved = decoded.map((call) =>
    call.replace(/ o(\d+)$/, (_, bytes: string) => ` o${Number(bytes) / 2}`),
  );
  assert.notDeepEqual(halved, decoded);
  assert.deepEqual(await faultsOf(decoded), []);
  assert.deepEqual(await faultsOf(halved), ['lerc_decode']);
});

test('every call that writes beside its room is noticed', async () => {
  // But for the one of 64,000 bytes, which would reach beyond what memcheck keeps free between
  // buffers.
  const withoutRoom = [...ofCodecs, ...ofSystem].map((call) =>
    call.replaceAll(/ o(?!64)\d+/g, ' o1').replaceAll(/([ ;]v?)\d+(,\d+,\d+)/g, '$11$2'),
  );
  assert.deepEqual(await faultsOf(withoutRoom), [
    'LZ4F_compressFrame',
    'LZ4F_decompress',
    'LZ4F_getFrameInfo',
    'ZSTD_compressCCtx',
    'ZSTD_decompressDCtx',
    'lerc_decode',
    'lerc_encodeForVersion',
    'lerc_getBlobInfo',
    'libdeflate_zlib_compress',
    'libdeflate_zlib_decompress',
    'lzma_stream_buffer_decode',
    'preadv',
    'statx',
  ]);
});

test('every call that reads beside its input is noticed', async () => {
  const cut = [...ofCodecs, ...ofSystem].map((call) => call.replaceAll(/ b(..)\w*/g, ' b$1'));
  assert.deepEqual(await faultsOf(cut), [
    'LZ4F_compressFrame',
    'LZ4F_decompress',
    'LZ4F_getFrameInfo',
    'ZSTD_compressCCtx',
    'ZSTD_decompressDCtx',
    'ZSTD_getFrameContentSize',
    'fcntl',
    'lerc_decode',
    'lerc_encodeForVersion',
    'lerc_getBlobInfo',
    'libdeflate_zlib_compress',
    'libdeflate_zlib_decompress',
    'lzma_stream_buffer_decode',
  ]);
});
