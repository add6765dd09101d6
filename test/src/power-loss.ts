/**
 * What a power loss may leave of a replacement on filesystems without a journal;
 * docs/filesystems.md says the same. Root, loop devices and the module dm-log-writes:
 * filesystems-in-guest.fs.ts runs it by night in a guest, which has them.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kernelHas, MountedTest } from './mounted.js';

/** How many images a device could be left with, by what they hold. */
type Images = Readonly<Partial<Record<string, number>>>;

/** What such an image may hold on each. The journal of ext4 is what the others lack. */
const mayHold: Readonly<Record<string, readonly string[]>> = {
  ext4: ['old', 'new', 'acknowledged, new'],
  ext2: ['old', 'new', 'acknowledged, new', 'lost'],
  exfat: ['old', 'new', 'acknowledged, new', 'only a copy'],
  vfat: ['old', 'new', 'acknowledged, new', 'lost', 'only a copy'],
};

for (const [filesystem, allowed] of Object.entries(mayHold)) {
  if (!kernelHas(filesystem)) {
    console.log(`##### power loss on ${filesystem}: ON NO KERNEL HERE, nothing was tried on it`);
    continue;
  }
  test(`${filesystem}: what a power loss leaves of a replacement`, { timeout: 300_000 }, (t) => {
    const { images = 0, ...found } = imagesOf(filesystem, new MountedTest(t).folder);
    assert.ok(images > 0);
    const others = Object.keys(found).filter((what) => !allowed.includes(what));
    assert.deepEqual(others, [], 'docs/filesystems.md says otherwise');
    const unsafe = Object.keys(found).filter((what) => !/old|new/.test(what));
    assert.equal(unsafe.length > 0, filesystem !== 'ext4', 'docs/filesystems.md says otherwise');
  });
}

function imagesOf(filesystem: string, folder: string): Images {
  const program = fileURLToPath(new URL('../python/power-loss.py', import.meta.url));
  const holdfast = fileURLToPath(new URL('../../packages/cli/bin/holdfast.js', import.meta.url));
  const command = [program, filesystem, folder, process.execPath, holdfast, 'put'];
  const output = execFileSync('python3', command, { encoding: 'utf8' });
  console.log(`##### power loss on ${filesystem}: ${output.trim()}`);
  return JSON.parse(output) as Images;
}
