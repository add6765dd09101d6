/**
 * A program of the Windows tests. It tells what it did by the files it leaves, since pipes do not work under Wine.
 *
 *   windows-child.js count FILE TIMES        raises a number in a JSON document
 *   windows-child.js hold FILE DONE          takes the lock of FILE, makes DONE, and stays
 *   windows-child.js die FILE STEP           replaces FILE and ends itself by TerminateProcess at a step; makes FILE.end if
 *                                            there was no such step
 */
import { writeFileSync } from 'node:fs';
import { killAtStep, observeFs } from '@holdfast/tools/testing';
import { acquireLock, replaceFile, updateJson } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';

const [what, file = '', argument = ''] = process.argv.slice(2);

if (what === 'count') {
  for (let time = 0; time < Number(argument); time += 1) {
    await updateJson(file, (document) => (typeof document === 'number' ? document + 1 : 1), {
      initial: 0,
    });
  }
} else if (what === 'hold') {
  await acquireLock(file);
  writeFileSync(argument, '');
  setInterval(() => {}, 1000);
} else {
  const fs = observeFs(nodeFileSystem, killAtStep(Number(argument), 'before'));
  await replaceFile(file, 'new'.repeat(5000), { fs });
  writeFileSync(`${file}.end`, '');
}
