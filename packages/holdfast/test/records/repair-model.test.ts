/** Logs that were torn in every way, repaired: no whole record is lost, and no byte. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { runs, temporaryDirectory } from '@holdfast/tools/testing';
import * as fc from 'fast-check';
import { readRecords } from '#src/records/read-records.js';
import { repairRecords } from '#src/records/repair-records.js';

/** Bytes of a log, and the records that are whole in them. */
interface Part {
  readonly bytes: Buffer;
  readonly records: readonly unknown[];
}

const text = fc.string({
  unit: fc.constantFrom('a', '"', ',', ':', '{', '}', '[', '\\', '\n', 'é', '😀', '0', ' '),
});
const leaf = fc.oneof(text, fc.integer(), fc.constantFrom(true, false, null));
const value = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 3 }),
  fc.record(
    { x: leaf, y: fc.array(fc.record({ z: leaf }, { noNullPrototype: true }), { maxLength: 2 }) },
    { noNullPrototype: true },
  ),
);
const record = fc.record({ id: fc.nat(), v: value, w: value }, { noNullPrototype: true });
const share = fc.double({ min: 0, max: 0.999, noNaN: true });

const encode = (from: unknown): Buffer => Buffer.from(JSON.stringify(from));
const lineEnd = Buffer.from('\n');

/** The beginning of a record, cut at any byte. */
const torn = fc.tuple(record, share).map(([whole, at]) => {
  const bytes = encode(whole);
  return bytes.subarray(0, 1 + Math.floor((bytes.length - 1) * at));
});
const hole = fc.integer({ min: 1, max: 5000 }).map((size) => Buffer.alloc(size));

const whole = record.map((one): Part => ({ bytes: encode(one), records: [one] }));
const fused = fc.array(whole, { minLength: 1, maxLength: 4 }).map(join);
const behindHalf = fc.tuple(torn, whole).map(([half, one]): Part => {
  return { ...one, bytes: Buffer.concat([half, one.bytes]) };
});
const behindHole = fc.tuple(hole, fused).map(([nuls, some]): Part => {
  return { ...some, bytes: Buffer.concat([nuls, some.bytes]) };
});
const halfAndHole = fc.tuple(torn, hole, whole).map(([half, nuls, one]): Part => {
  return { ...one, bytes: Buffer.concat([half, nuls, one.bytes]) };
});
const onlyHole = hole.map((bytes): Part => ({ bytes, records: [] }));

const log = fc
  .tuple(
    fc.array(fc.oneof(whole, fused, behindHalf, behindHole, halfAndHole, onlyHole), {
      maxLength: 12,
    }),
    fc.option(torn),
  )
  .map(([parts, end]): Part => {
    const ended = parts.map(({ bytes, records }) => ({
      bytes: Buffer.concat([bytes, lineEnd]),
      records,
    }));
    return join([...ended, { bytes: end ?? Buffer.alloc(0), records: [] }]);
  });

function join(parts: readonly Part[]): Part {
  return {
    bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
    records: parts.flatMap(({ records }) => records),
  };
}

async function readAll(path: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const one of readRecords(path)) all.push(one);
  return all;
}

test('of a log that is torn in any way a repair leaves every whole record, in order, and loses no byte', async (t) => {
  const directory = temporaryDirectory(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(log, async ({ bytes, records }) => {
      const path = `${directory}/${(run += 1)}.jsonl`;
      writeFileSync(path, bytes);
      const { repairs, sizeAfterBytes } = await repairRecords(path);
      assert.deepEqual(
        await readAll(path),
        records.map((one) => JSON.parse(JSON.stringify(one)) as unknown),
      );
      const after = readFileSync(path);
      assert.equal(after.length, sizeAfterBytes);
      let addedCount = 0;
      let removedBytes = 0;
      for (const { kind, offsetBytes, sizeBytes, keptAt = '', keptOffsetBytes = 0 } of repairs) {
        if (kind !== 'removed') {
          addedCount += 1;
          continue;
        }
        removedBytes += sizeBytes;
        const kept = readFileSync(keptAt).subarray(keptOffsetBytes, keptOffsetBytes + sizeBytes);
        assert.ok(kept.equals(bytes.subarray(offsetBytes, offsetBytes + sizeBytes)));
      }
      // A piece between two records is replaced by a line end.
      const others = after.length - (bytes.length - removedBytes + addedCount);
      assert.ok(others >= 0 && others <= repairs.length - addedCount, `${others}`);
    }),
    { numRuns: 25 * runs },
  );
});
