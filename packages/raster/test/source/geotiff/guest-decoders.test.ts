import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { GuestDecoders } from '#src/source/geotiff/guest-decoders.js';

/**
 * A decoder that does what its block says: fill its memory, never end, end its thread, throw, or
 * give it back.
 */
const DECODER = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', ({ encoded }) => {
    const kept = [];
    if (encoded[0] === 1) for (;;) kept.push({ of: [kept.length, kept.length] });
    if (encoded[0] === 2) for (;;);
    if (encoded[0] === 3) process.exit(0);
    if (encoded[0] === 4) throw new Error('it is out of order');
    if (encoded[0] === 5) parentPort.postMessage({ message: 'it is no such block' });
    else parentPort.postMessage({ bytes: encoded.slice().buffer });
  });`;

function decoders(t: TestContext, longestMs?: number): GuestDecoders {
  const path = join(temporaryDirectory(t), 'decoder.cjs');
  writeFileSync(path, DECODER);
  return new GuestDecoders({
    script: pathToFileURL(path),
    heapMb: 24,
    ...(longestMs && { longestMs }),
  });
}

const about = {
  compression: 7,
  jpegTables: undefined,
  lercParameters: [],
  planes: 1,
  samplesPerPixel: 1,
  maxOutputLength: 4,
};
const decode = async (guests: GuestDecoders, ...block: number[]): Promise<Uint8Array> =>
  guests.decode(Uint8Array.from(block), about);

const ends: readonly [string, number, RegExp][] = [
  ['fills its memory', 1, /memory limit/],
  ['never ends', 2, /took over 2 s/],
  ['ends its thread', 3, /decoder ended/],
  ['throws', 4, /out of order/],
  ['is refused', 5, /no such block/],
];

for (const [what, kind, message] of ends) {
  test(`a block whose decoder ${what} is an error of that block, and the next ones are decoded`, async (t) => {
    const guests = decoders(t, what === 'never ends' ? 2000 : undefined);
    const blocks = [[9, 1], [kind], [9, 2], [kind], [9, 3], [9, 4]];
    const outcomes = await Promise.allSettled(
      blocks.map(async (block) => decode(guests, ...block)),
    );
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') assert.deepEqual([...outcome.value], blocks[index]);
      else assert.match(String(outcome.reason), message);
    }
    assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 2);
  });
}

test('what a decoder makes is not taken when it is more than the samples', async (t) => {
  const guests = decoders(t);
  await assert.rejects(decode(guests, 9, 1, 2, 3, 4), /made 5 bytes of it, over 4/);
});
