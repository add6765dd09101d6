import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelDisk } from '@holdfast/crashkit';
import { callOn, killedBefore } from '#src/scenarios/killed-process.js';

test('a killed process makes no further call, and its locks are free', async () => {
  const disk = new ModelDisk();
  await killedBefore(disk.process(), callOn('rename', '/b'), async (fs) => {
    const file = await fs.open('/a', { access: 'write', create: 'exclusive' });
    assert.ok(file.tryLock('exclusive'));
    await fs.rename('/a', '/b');
    await fs.unlink('/b');
  });
  const other = disk.process();
  const file = await other.open('/a', { access: 'readWrite' });
  assert.ok(file.tryLock('exclusive'));
  assert.equal(await other.exists('/b'), false);
});

test('work that ends before the call is waited for', async () => {
  const disk = new ModelDisk();
  await killedBefore(disk.process(), callOn('rename', '/b'), (fs) => fs.mkdir('/a'));
  assert.ok(await disk.process().exists('/a'));
});
