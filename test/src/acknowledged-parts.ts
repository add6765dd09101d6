/**
 * A program for a guest (parts-power-loss.fs.ts): two workers, on two mounts of one server, make the
 * parts of a tree and say of each that it is done. `acknowledged-parts.js KNOWN` is told, in JSON,
 * of which parts that was said before; these must be done. In the end it commits and reads all.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeSync } from 'node:fs';
import { beginParts, joinParts } from 'holdfast';

const PART_COUNT = 60;
const mounts = ['/mnt/a', '/mnt/b'];
const say = (line: string): void => void writeSync(1, `${line}\n`);
const content = (part: number): string => `${part},`.repeat(5000);

const [known = '[]'] = process.argv.slice(2);
const { id } = await beginParts(`${mounts[0]}/tree`, { partCount: PART_COUNT });
const before = await (await joinParts(`${mounts[1]}/tree`, id)).progress();
const lost = (JSON.parse(known) as number[]).filter((part) => !before.done.includes(part));
assert.deepEqual(lost, [], 'parts that were acknowledged are not done');

await Promise.all(
  mounts.map(async (mount, worker) => {
    const session = await joinParts(`${mount}/tree`, id);
    for (let part = worker; part < PART_COUNT; part += mounts.length) {
      const { wasDone } = await session.writePart(part, async (stage) => {
        await stage.write(`${part}`, content(part));
        await stage.write(`deep/${part}/x`, content(part));
      });
      assert.equal(wasDone, before.done.includes(part));
      say(`acknowledged ${part}`);
    }
  }),
);
await (await joinParts(`${mounts[0]}/tree`, id)).commit();
for (let part = 0; part < PART_COUNT; part += 1)
  for (const name of [`${part}`, `deep/${part}/x`])
    assert.equal(readFileSync(`${mounts[0]}/tree/${name}`, 'utf8'), content(part));
say('committed');
