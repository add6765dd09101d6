import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';

const holdfast = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url));

test('put takes the whole of a block device', (t) => {
  const root = temporaryDirectory(t);
  const content = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => index % 251));
  writeFileSync(`${root}/image`, content);
  writeFileSync(`${root}/a`, 'precious');
  const made = spawnSync('losetup', ['-f', '--show', `${root}/image`], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const device = made.stdout.trim();
  t.after(() => assert.equal(spawnSync('losetup', ['-d', device]).status, 0));
  const input = openSync(device, 'r');
  try {
    const put = spawnSync(process.execPath, [holdfast, 'put', `${root}/a`], {
      stdio: [input, 'ignore', 'inherit'],
    });
    assert.equal(put.status, 0);
  } finally {
    closeSync(input);
  }
  assert.ok(readFileSync(`${root}/a`).equals(content));
});
