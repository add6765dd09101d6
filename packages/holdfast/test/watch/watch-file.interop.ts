/**
 * Files that other programs write, each in its own way: none of their last states is lost to a
 * watch.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { watchFile } from 'holdfast';

const python = `import os, sys
with open(sys.argv[1] + '.tmp', 'w') as file: file.write(sys.argv[2])
os.replace(sys.argv[1] + '.tmp', sys.argv[1])`;

const writers: Readonly<Record<string, (path: string, text: string) => void>> = {
  'sed -i': (path, text) => void execFileSync('sed', ['-i', `s/.*/${text}/`, path]),
  "Python's os.replace": (path, text) =>
    void execFileSync('python3', ['-c', python, path, `${text}\n`]),
  'a shell that redirects': (path, text) =>
    void execFileSync('sh', ['-c', `echo ${text} > "${path}"`]),
  mv: (path, text) =>
    void execFileSync('sh', ['-c', `echo ${text} > "${path}.x"; mv "${path}.x" "${path}"`]),
  vim: (path, text) =>
    void execFileSync('vim', ['-es', '-u', 'NONE', `+%s/.*/${text}/`, '+wq', path]),
};

for (const [name, write] of Object.entries(writers)) {
  const isMissing = name === 'vim' && spawnSync('vim', ['--version']).error !== undefined;
  test(`${name} is followed`, { skip: isMissing && 'vim is not installed' }, async (t) => {
    const path = `${temporaryDirectory(t)}/file`;
    writeFileSync(path, 'begin\n');
    const watch = watchFile(path, { persistent: true });
    for (let count = 0; count < 5; count += 1) {
      write(path, `state${count}`);
      for (let told = ''; told !== `state${count}\n`;) {
        const { value, done } = await watch.next();
        assert.ok(!done);
        told = String(value);
      }
    }
    await watch.return();
  });
}
