/**
 * A program of the Windows tests. It tells what it did by the files it leaves.
 *
 *   windows-child.js count FILE TIMES raises a number in a JSON document windows-child.js open FILE
 *   DONE opens FILE in a way that lets nobody replace, move or delete it, makes DONE, stays
 *   windows-child.js die FILE STEP CALL makes a call, and ends itself by TerminateProcess before a
 *   step of it; makes
 *                                        FILE.end if there was no such step
 */
import { writeFileSync } from 'node:fs';
import koffi from 'koffi';
import { observeFs, type StepObserver } from '@holdfast/crashkit';
import { appendRecords, compactRecords, updateJson, type Fs } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';

const [what, file = '', argument = '', call = ''] = process.argv.slice(2);

async function raise(fs: Fs): Promise<void> {
  await updateJson<{ n: number }>(file, ({ n }) => ({ n: n + 1 }), { initial: { n: 0 }, fs });
}

const calls: Readonly<Record<string, (fs: Fs) => Promise<unknown>>> = {
  update: raise,
  append: (fs) => appendRecords(file, [{ id: 'a', n: 1 }], { fs }),
  compact: (fs) => compactRecords(file, { key: 'id', fs }),
};

/**
 * CreateFileW with GENERIC_READ that shares reading and writing, but not deleting, as scanners and
 * indexers do it.
 */
function openAlone(): void {
  const createFile = koffi
    .load('kernel32.dll')
    .func(
      'intptr_t __stdcall CreateFileW(const char16_t *name, uint32_t access, uint32_t share, void *security, uint32_t disposition, uint32_t flags, intptr_t template)',
    );
  if (createFile(file, 0x80000000, 3, null, 3, 0, 0) === -1) throw new Error('not opened');
}

if (what === 'count') {
  for (let time = 0; time < Number(argument); time += 1) await raise(nodeFileSystem);
} else if (what === 'open') {
  openAlone();
  writeFileSync(argument, '');
  setInterval(() => {}, 1000);
} else {
  await calls[call]?.(observeFs(nodeFileSystem, dieBefore(Number(argument))));
  writeFileSync(`${file}.end`, '');
}

function dieBefore(step: number): StepObserver {
  return {
    before: ({ index }) => {
      if (index === step) process.kill(process.pid, 'SIGKILL');
    },
  };
}
